import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import { namedWeights, type ModuleSpec, type WeightSpec } from '../layers/spec/module-spec.js';
import { toTf, toTorch } from '../layers/weight-layout.js';
import type { HostTensor, StateDict, TensorData } from './state-dict.js';

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
  const problems = compareWeights(spec, state);
  if (problems.misshapen.length > 0 || (strict && problems.missing.length + problems.unexpected.length > 0)) {
    throw new UserError(`${source} do not fit ${model}: ${describeMismatch(problems, strict)}`);
  }
  for (const [name, weight, variable] of weights) {
    const tensor = state.get(name);
    if (tensor === undefined) continue;
    tf.tidy(() => {
      variable.write(tf.tensor(toTf(weight, numbers(tensor.data)), variable.shape as number[], 'float32'));
    });
  }
}

/** The values as JavaScript numbers, whatever integer type holds them. */
export function numbers(data: TensorData): Exclude<TensorData, BigInt64Array | BigUint64Array> {
  if (data instanceof BigInt64Array) return Float64Array.from(data, Number);
  if (data instanceof BigUint64Array) return Float64Array.from(data, Number);
  return data;
}

export interface WeightMismatch {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly misshapen: readonly { name: string; expected: readonly number[]; found: readonly number[] }[];
}

/** How a state dict differs from what a model has. Batch counters may be missing: old checkpoints have none. */
export function compareWeights(spec: ModuleSpec, state: StateDict): WeightMismatch {
  const expected = new Map(namedWeights(spec));
  const missing: string[] = [];
  const misshapen: { name: string; expected: readonly number[]; found: readonly number[] }[] = [];
  for (const [name, weight] of expected) {
    const found = state.get(name)?.shape;
    if (found === undefined) {
      if (weight.layout !== 'counter') missing.push(name);
    } else if (found.join() !== weight.shape.join()) {
      misshapen.push({ name, expected: weight.shape, found });
    }
  }
  const unexpected = [...state.keys()].filter((name) => !expected.has(name));
  return { missing, unexpected, misshapen };
}

function describeMismatch({ missing, unexpected, misshapen }: WeightMismatch, strict: boolean): string {
  const parts = misshapen
    .slice(0, 1)
    .map(
      ({ name, expected, found }) =>
        `"${name}" has shape [${found.join(', ')}], expected [${expected.join(', ')}]${more(misshapen.length)}`,
    );
  if (strict) {
    if (missing.length > 0) parts.push(`missing "${missing[0]}"${more(missing.length)}`);
    if (unexpected.length > 0) parts.push(`unexpected "${unexpected[0]}"${more(unexpected.length)}`);
  }
  return parts.join('; ');
}

function more(count: number): string {
  return count > 1 ? ` (and ${count - 1} more)` : '';
}
