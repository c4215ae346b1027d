import { zeroWeights } from '../layers/initial-weights.js';
import { modelFrom, type RecNext, type RegNet } from '../models/index.js';
import { readModel, type LoadOptions, type ReadModel } from './read-model.js';

export type { LoadOptions };

export interface LoadedModel extends Pick<ReadModel, 'classNames' | 'notes' | 'path'> {
  readonly model: RecNext | RegNet;
}

/**
 * Reads weights and builds the model they belong to.
 *
 * @throws CheckpointError if the file cannot be read, UserError if it does not fit the model asked for
 */
export async function loadModel(options: LoadOptions): Promise<LoadedModel> {
  const { config, state, ...rest } = await readModel(options);
  return { ...rest, model: builtFrom({ config, state }) };
}

/** The model of weights that were read. */
export function builtFrom({ config, state }: Pick<ReadModel, 'config' | 'state'>): RecNext | RegNet {
  const model = modelFrom(config, zeroWeights);
  model.loadStateDict(state);
  return model;
}
