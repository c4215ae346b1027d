import { UserError } from '../errors.js';
import { zeroWeights } from '../layers/initial-weights.js';
import type { FuseMode } from '../layers/spec/primitives.js';
import { fuseStateDict } from './fuse.js';
import { RecNext } from './recnext.js';

/**
 * A new model that computes the same in evaluation without its batch norms (the reference's `replace_batchnorm`).
 * The model given stays as it is.
 *
 * @param mode `full` (default): no batch norm left; `reference`: the form and the keys of the published fused files
 * @throws UserError if the model is fused already
 */
export function replaceBatchnorm(model: RecNext, mode: Exclude<FuseMode, 'none'> = 'full'): RecNext {
  const { fuse } = model.config;
  if (fuse === mode || fuse === 'full') {
    throw new UserError(`${model.name} is fused already (${fuse}); fuse the model it was made from`);
  }
  const fused = new RecNext({ ...model.config, fuse: mode, distillation: false }, zeroWeights);
  fused.loadStateDict(fuseStateDict(model.spec, model.stateDict(), mode));
  return fused;
}
