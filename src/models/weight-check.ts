import { UserError } from '../errors.js';
import { namedWeights, type ModuleSpec } from '../layers/spec/module-spec.js';
import type { StateDict, TensorData } from './state-dict.js';

/** The values as JavaScript numbers, whatever integer type holds them. */
export function numbers(data: TensorData): Exclude<TensorData, BigInt64Array | BigUint64Array> {
  if (data instanceof BigInt64Array) return Float64Array.from(data, Number);
  if (data instanceof BigUint64Array) return Float64Array.from(data, Number);
  return data;
}

interface WeightMismatch {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly misshapen: readonly { name: string; expected: readonly number[]; found: readonly number[] }[];
}

/**
 * @param strict false: only shapes must agree
 * @throws UserError that names the first missing, unexpected and mis-shaped keys
 */
export function checkWeights(
  model: string,
  spec: ModuleSpec,
  state: StateDict,
  { strict = true, source = 'the weights' }: { strict?: boolean; source?: string } = {},
): void {
  const problems = compareWeights(spec, state);
  if (problems.misshapen.length > 0 || (strict && problems.missing.length + problems.unexpected.length > 0)) {
    throw new UserError(`${source} do not fit ${model}: ${describeMismatch(problems, strict)}`);
  }
}

/** How a state dict differs from what a model has. Batch counters may be missing: old checkpoints have none. */
function compareWeights(spec: ModuleSpec, state: StateDict): WeightMismatch {
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
