import * as tf from '@tensorflow/tfjs';
import { namedWeights, type ModuleSpec, type WeightSpec } from '../layers/spec/module-spec.js';
import { toTf, toTorch } from '../layers/weight-layout.js';
import type { HostTensor, StateDict } from './state-dict.js';
import { checkWeights, numbers } from './weight-check.js';

/** One weight of a built model: its checkpoint name, what it is, and the variable that holds it (TF.js layout). */
export type ModelWeight = readonly [name: string, spec: WeightSpec, variable: tf.LayerVariable];

/** Copies weights off the backend: checkpoint names, order and layout. Counters, which no variable holds, get `batches`. */
export function exportWeights(spec: ModuleSpec, weights: readonly ModelWeight[], batches: bigint): StateDict {
  const variables = new Map(weights.map(([name, , variable]) => [name, variable]));
  return new Map(
    namedWeights(spec).map(([name, weight]): [string, HostTensor] => {
      if (weight.layout === 'counter') return [name, { shape: [], data: BigInt64Array.of(batches) }];
      const values = variables.get(name)!.read().dataSync();
      return [name, { shape: weight.shape, data: toTorch(weight, values) }];
    }),
  );
}

/**
 * Writes a state dict into a model's variables.
 *
 * @param strict false: missing weights stay as they are, unexpected ones are ignored; shapes must still agree
 * @throws UserError that names the first missing, unexpected and mis-shaped keys
 */
export function importWeights(
  model: string,
  spec: ModuleSpec,
  weights: readonly ModelWeight[],
  state: StateDict,
  { strict = true, source = 'the weights' }: { strict?: boolean; source?: string } = {},
): void {
  checkWeights(model, spec, state, { strict, source });
  for (const [name, weight, variable] of weights) {
    const tensor = state.get(name);
    if (tensor === undefined) continue;
    tf.tidy(() => {
      variable.write(tf.tensor(toTf(weight, numbers(tensor.data)), variable.shape as number[], 'float32'));
    });
  }
}
