import { UserError } from '../../errors.js';
import type { HostTensor, StateDict } from '../../models/state-dict.js';

/** Floating-point types of 16 bits. */
export const HALF_TYPES = ['float16', 'bfloat16'] as const;
export type HalfType = (typeof HALF_TYPES)[number];

const LARGEST: Readonly<Record<HalfType, string>> = { float16: '65504', bfloat16: '3.39e38' };
const INFINITY: Readonly<Record<HalfType, number>> = { float16: 0x7c00, bfloat16: 0x7f80 };

/**
 * A state dict with its floating-point tensors in 16 bits, as `tensor.half()` or `.bfloat16()` give it: bit patterns in
 * `Uint16Array`s, nearest value, ties to even. Integers (the batch counters) stay as they are.
 *
 * @throws UserError for a number that would become infinite
 */
export function narrow(tensors: StateDict, type: HalfType): StateDict {
  return new Map(
    [...tensors].map(([name, tensor]): [string, HostTensor] => {
      const { shape, data } = tensor;
      if (!(data instanceof Float32Array || data instanceof Float64Array)) return [name, tensor];
      return [name, { shape, data: halfPrecision(name, data, type), type }];
    }),
  );
}

/** The 16 bits of each value. */
export function halfPrecision(
  name: string,
  values: Float32Array | Float64Array,
  type: HalfType,
): Uint16Array<ArrayBuffer> {
  const bitsOf = type === 'float16' ? float16Bits : bfloat16Bits;
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    bits[i] = bitsOf(values[i]!);
    if ((bits[i]! & 0x7fff) === INFINITY[type] && Number.isFinite(values[i]))
      throw new UserError(
        `${name}: ${values[i]} does not fit into ${type}, whose largest number is ${LARGEST[type]}: ${
          type === 'float16' ? 'choose bfloat16 where it is offered, or float32' : 'choose float32'
        }`,
      );
  }
  return bits;
}

const view = new DataView(new ArrayBuffer(4));

/** The half-precision number nearest to a float32 (ties to even), as its 16 bits; too large: infinity. */
export function float16Bits(value: number): number {
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | roundHalfEven((magnitude - 0x38000000) / 0x2000);
  // Below 2^-14: multiples of 2^-24.
  return sign | roundHalfEven(Math.abs(Math.fround(value)) * 2 ** 24);
}

/** The bfloat16 nearest to a float32 (ties to even), as its 16 bits: the upper half of the float32's. */
export function bfloat16Bits(value: number): number {
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down + (down % 2);
}
