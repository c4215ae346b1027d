import { UserError } from '../errors.js';
import { zeroWeights } from '../layers/initial-weights.js';
import type { FuseMode } from '../layers/spec/primitives.js';
import { fuseStateDict } from './fuse.js';
import { fuseMode, withFuseMode } from './model-config.js';
import { modelFrom } from './model-from.js';
import type { RecNext } from './recnext.js';
import type { RegNet } from './regnet.js';

/**
 * A new model that computes the same in evaluation without its batch norms (the reference's `replace_batchnorm`).
 * The model given stays as it is.
 *
 * @param mode `full` (default): no batch norm left; `reference`: the form and the keys of the published fused files.
 *   For RegNetY and for T, S and B the two are the same
 * @throws UserError if the model is fused already
 */
export function replaceBatchnorm<M extends RecNext | RegNet>(
  model: M,
  mode: Exclude<FuseMode, 'none'> = 'full',
): M {
  const form = fuseMode(model.config);
  if (form === mode || form === 'full') {
    throw new UserError(`${model.name} is fused already (${form}); fuse the model it was made from`);
  }
  const fused = modelFrom(withFuseMode(model.config, mode), zeroWeights);
  fused.loadStateDict(fuseStateDict(model.spec, model.stateDict(), mode));
  return fused as M;
}
