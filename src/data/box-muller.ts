import { simd } from './simd/instance.js';

const ROOT_2 = 1.4142135623730951;
const LN_2_TWICE = 1.3862943611198906;
/** 2π / 2^32. */
const ANGLE = 1.4629180792671596e-9;

/**
 * Normal numbers with mean 0 and variance 1 of random words, two of every two (Box and Muller 1958): radius √(-2 ln((w + 1/2) / 2^32)), angle 2π w' / 2^32.
 * Logarithm, sine and cosine are series to 1e-10, of sums and products alone: engines differ in the last bit of their own, and the numbers of a run should
 * not depend on them.
 *
 * @param out `count` float32 numbers to it from `offset` on; of an odd count the last pair gives one
 * @param words as many as numbers, rounded up to an even count
 */
export function boxMuller(words: Uint32Array, out: Float32Array, offset: number, count: number): void {
  const module = simd();
  const even = 4 * Math.ceil(count / 4);
  const fast = module?.compute(even * 4, (target) => {
    const source = module.take(even * 4);
    new Uint32Array(module.bytes.buffer, source, words.length).set(words);
    module.functions.boxMuller(source, even / 2, target);
  });
  if (fast !== undefined) {
    out.set(new Float32Array(fast.buffer, fast.byteOffset, count), offset);
    return;
  }
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(minusTwoLog(words[i]!));
    const [cosine, sine] = cosineAndSine(words[i + 1]!);
    out[offset + i] = radius * cosine;
    if (i + 1 < count) out[offset + i + 1] = radius * sine;
  }
}

/** -2 ln((word + 1/2) / 2^32). */
function minusTwoLog(word: number): number {
  const exponent = 31 - Math.clz32(word);
  const fraction = (word + 0.5) / 2 ** exponent;
  // The logarithm of a fraction of 1 … 2 around that of √2.
  const s = (fraction - ROOT_2) / (fraction + ROOT_2);
  const z = s * s;
  const series = 1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13))))));
  const value = (31.5 - exponent) * LN_2_TWICE - 4 * (s * series);
  return value > 0 ? value : 0;
}

function cosineAndSine(word: number): [cosine: number, sine: number] {
  // The nearest quarter turn, and the angle from it: -π/4 … π/4. All in 32 bits that wrap, as the angle does.
  const quadrant = ((word + 0x2000_0000) | 0) >> 30;
  const x = ((word - (quadrant << 30)) | 0) * ANGLE;
  const z = x * x;
  const sine =
    x * (1 + z * (-1 / 6 + z * (1 / 120 + z * (-1 / 5040 + z * (1 / 362880 + z * (-1 / 39916800))))));
  const cosine =
    1 +
    z * (-1 / 2 + z * (1 / 24 + z * (-1 / 720 + z * (1 / 40320 + z * (-1 / 3628800 + z * (1 / 479001600))))));
  switch (quadrant & 3) {
    case 0:
      return [cosine, sine];
    case 1:
      return [-sine, cosine];
    case 2:
      return [-cosine, -sine];
    default:
      return [sine, -cosine];
  }
}
