import { UserError } from '../errors.js';
import { zeroWeights } from '../layers/initial-weights.js';
import type { FuseMode } from '../layers/spec/primitives.js';
import { fuseStateDict } from './fuse.js';
import { RecNext } from './recnext.js';
import { RegNet } from './regnet.js';

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
  const form = fuseOf(model);
  if (form === mode || form === 'full') {
    throw new UserError(`${model.name} is fused already (${form}); fuse the model it was made from`);
  }
  const fused = withoutBatchNorm(model, mode);
  fused.loadStateDict(fuseStateDict(model.spec, model.stateDict(), mode));
  return fused as M;
}

/** How far a model's batch norms are folded away. */
export function fuseOf(model: RecNext | RegNet): FuseMode {
  if (model instanceof RecNext) return model.config.fuse;
  return model.config.fused ? 'full' : 'none';
}

function withoutBatchNorm(model: RecNext | RegNet, fuse: Exclude<FuseMode, 'none'>): RecNext | RegNet {
  return model instanceof RecNext
    ? new RecNext({ ...model.config, fuse, distillation: false }, zeroWeights)
    : new RegNet({ ...model.config, fused: true }, zeroWeights);
}
