// Random numbers (../../random.ts, ../../box-muller.ts).

/** `blocks` counters of Philox4x32-10 from (c0, c1, c2, c3) on, which differ in the first word: four words each. */
export function philox(
  target: usize,
  blocks: i32,
  c0: u32,
  c1: u32,
  c2: u32,
  c3: u32,
  key0: u32,
  key1: u32,
): void {
  for (let block = 0; block < blocks; block++) {
    let w0 = c0 + block;
    let w1 = c1;
    let w2 = c2;
    let w3 = c3;
    let k0 = key0;
    let k1 = key1;
    for (let round = 0; round < 10; round++) {
      const product0 = <u64>w0 * 0xd2511f53;
      const product1 = <u64>w2 * 0xcd9e8d57;
      w0 = (<u32>(product1 >> 32)) ^ w1 ^ k0;
      w2 = (<u32>(product0 >> 32)) ^ w3 ^ k1;
      w1 = <u32>product1;
      w3 = <u32>product0;
      k0 += 0x9e3779b9;
      k1 += 0xbb67ae85;
    }
    store<u32>(target, w0);
    store<u32>(target, w1, 4);
    store<u32>(target, w2, 8);
    store<u32>(target, w3, 12);
    target += 16;
  }
}

const ROOT_2: f64 = 1.4142135623730951;
const LN_2_TWICE: f64 = 1.3862943611198906;
const ANGLE: f64 = 1.4629180792671596e-9;

function next(z: v128, inner: v128, constant: f64): v128 {
  return f64x2.add(f64x2.splat(constant), f64x2.mul(z, inner));
}

/** Two normals of every two words, as float32: an even number of pairs. */
export function boxMuller(words: usize, pairs: i32, target: usize): void {
  for (let pair = 0; pair < pairs; pair += 2) {
    const both = v128.load(words);
    const first = v128.shuffle<u32>(both, both, 0, 2, 0, 2);
    const second = v128.shuffle<u32>(both, both, 1, 3, 1, 3);

    const x = f64x2.add(f64x2.convert_low_i32x4_u(first), f64x2.splat(0.5));
    const exponent = i64x2.shr_u(x, 52);
    const k = f64x2.sub(
      f64x2.convert_low_i32x4_s(v128.shuffle<u32>(exponent, exponent, 0, 2, 0, 2)),
      f64x2.splat(1023),
    );
    const f = v128.or(v128.and(x, i64x2.splat(0x000f_ffff_ffff_ffff)), i64x2.splat(0x3ff0_0000_0000_0000));
    const s = f64x2.div(f64x2.sub(f, f64x2.splat(ROOT_2)), f64x2.add(f, f64x2.splat(ROOT_2)));
    const s2 = f64x2.mul(s, s);
    let series = f64x2.splat(1.0 / 13.0);
    series = next(s2, series, 1.0 / 11.0);
    series = next(s2, series, 1.0 / 9.0);
    series = next(s2, series, 1.0 / 7.0);
    series = next(s2, series, 1.0 / 5.0);
    series = next(s2, series, 1.0 / 3.0);
    series = next(s2, series, 1);
    const square = f64x2.sub(
      f64x2.mul(f64x2.sub(f64x2.splat(31.5), k), f64x2.splat(LN_2_TWICE)),
      f64x2.mul(f64x2.splat(4), f64x2.mul(s, series)),
    );
    const radius = f64x2.sqrt(f64x2.pmax(f64x2.splat(0), square));

    const quadrant = i32x4.shr_s(i32x4.add(second, i32x4.splat(0x2000_0000)), 30);
    const rest = i32x4.sub(second, i32x4.shl(quadrant, 30));
    const angle = f64x2.mul(f64x2.convert_low_i32x4_s(rest), f64x2.splat(ANGLE));
    const z = f64x2.mul(angle, angle);
    let sine = f64x2.splat(-1.0 / 39916800.0);
    sine = next(z, sine, 1.0 / 362880.0);
    sine = next(z, sine, -1.0 / 5040.0);
    sine = next(z, sine, 1.0 / 120.0);
    sine = next(z, sine, -1.0 / 6.0);
    sine = next(z, sine, 1);
    sine = f64x2.mul(angle, sine);
    let cosine = f64x2.splat(1.0 / 479001600.0);
    cosine = next(z, cosine, -1.0 / 3628800.0);
    cosine = next(z, cosine, 1.0 / 40320.0);
    cosine = next(z, cosine, -1.0 / 720.0);
    cosine = next(z, cosine, 1.0 / 24.0);
    cosine = next(z, cosine, -1.0 / 2.0);
    cosine = next(z, cosine, 1);

    const wide = i64x2.extend_low_i32x4_s(quadrant);
    const isOdd = i64x2.ne(v128.and(wide, i64x2.splat(1)), i64x2.splat(0));
    const isLower = i64x2.ne(v128.and(wide, i64x2.splat(2)), i64x2.splat(0));
    // Quadrants 0, 1, 2, 3: cosine c, -s, -c, s; sine s, c, -s, -c.
    const sign = i64x2.splat(0x8000_0000_0000_0000);
    const c = v128.xor(v128.bitselect(sine, cosine, isOdd), v128.and(v128.xor(isOdd, isLower), sign));
    const d = v128.xor(v128.bitselect(cosine, sine, isOdd), v128.and(isLower, sign));
    const even = f32x4.demote_f64x2_zero(f64x2.mul(radius, c));
    const odd = f32x4.demote_f64x2_zero(f64x2.mul(radius, d));
    v128.store(target, v128.shuffle<u32>(even, odd, 0, 4, 1, 5));
    words += 16;
    target += 16;
  }
}
