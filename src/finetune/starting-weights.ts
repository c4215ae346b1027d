import { pretrainedSource } from '../convert/hub/pretrained-source.js';
import { weightsLabel } from '../convert/hub/resolve-weights.js';
import { readModel } from '../convert/read-model.js';
import { UserError } from '../errors.js';
import { parseModelName } from '../models/names.js';
import { fuseMode, modelDataConfig } from '../models/model-config.js';
import type { FetchOptions } from '../runtime/fetch/fetch-options.js';

/** What a run starts from. */
export interface StartingWeights {
  /** Registry name. */
  readonly model: string;
  /** File, folder or address. */
  readonly weights: string;
  /** Side of the images they were made for. */
  readonly inputSize: number;
}

/**
 * Finds what `--from` means: the published weights of a model, or weights of one's own.
 *
 * @param from a model's name (`recnext_m1`, with a tag `recnext_m1.base_300e_in1k`), or a file, folder or address of weights
 * @param weights weights of the model `from`, in place of the published ones
 * @throws UserError for weights that cannot be trained, and where published weights cannot be reached
 */
export async function startingWeights(
  from: string,
  weights: string | undefined,
  fetching: FetchOptions,
): Promise<StartingWeights> {
  const isName = /^(recnext|regnety)_[\w.]+$/i.test(from);
  if (isName) parseModelName(from);
  const source = weights ?? (isName ? pretrainedSource(from, { distillation: true }) : from);
  const { config } = await readModel({ ...fetching, weights: source, model: isName ? from : undefined });
  if (fuseMode(config) !== 'none')
    throw new UserError(
      `${weightsLabel(source)}: its batch norms are folded, it can no longer be trained: give the checkpoint it was made from.`,
    );
  return { model: config.name, weights: source, inputSize: modelDataConfig(config).inputSize[1] };
}
