import { UserError } from '../errors.js';
import type { HostTensor, StateDict, TensorData } from '../models/state-dict.js';
import { numbers } from '../models/weight-check.js';

/**
 * Refuses weights that are no numbers: they come from a run that diverged or a file that is damaged, and no result of them means
 * anything.
 */
export class FiniteCheck {
  private readonly finite = new WeakSet<TensorData>();

  /** Looks at a tensor as soon as it is there, while it lies in the processor's caches. */
  readonly inspect = ({ data }: HostTensor): void => {
    if (!hasNonFinite(numbers(data))) this.finite.add(data);
  };

  /** Throws UserError with the names of the tensors that hold NaN or Inf, those not inspected before included. */
  refuse(state: StateDict, source: string): void {
    const bad = [...state]
      .filter(([, { data }]) => !this.finite.has(data) && hasNonFinite(numbers(data)))
      .map(([name]) => name);
    if (bad.length === 0) return;
    const more = bad.length > 3 ? ` and ${bad.length - 3} more` : '';
    throw new UserError(
      `${source} holds NaN or Inf in ${bad.slice(0, 3).join(', ')}${more}: take an earlier checkpoint`,
    );
  }
}

function hasNonFinite(values: ReturnType<typeof numbers>): boolean {
  if (!(values instanceof Float32Array)) return values.some((value) => !Number.isFinite(value));
  // By bit patterns: an exponent of all ones, and no other, carries into the sign.
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  let signs = 0;
  for (let i = 0; i < bits.length; i++) signs |= (bits[i]! & 0x7fffffff) + 0x00800000;
  return signs < 0;
}
