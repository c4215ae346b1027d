import type { CutmixBox } from './cutmix-box.js';

/** What is done to a picture with its partner: blended (`lam` of its own), or the box cut from the partner; undefined: left as it is. */
export type Mix = { readonly lam: number } | { readonly box: CutmixBox } | undefined;

/**
 * Mixes the pictures `i` and `batch - 1 - i` of a batch with each other, in place. Both are read before either is written, so that
 * `elem` mode, where the two are mixed differently, sees the originals as well.
 *
 * @param images `[batch, height, width, channels]`
 * @param mixes one a picture
 */
export function mixImages(
  images: Float32Array,
  shape: readonly [batch: number, height: number, width: number, channels: number],
  mixes: readonly Mix[],
): void {
  const [batch, height, width, channels] = shape;
  const size = height * width * channels;
  const original = new Float32Array(size);
  for (let i = 0; i < batch / 2; i++) {
    const j = batch - 1 - i;
    if (mixes[i] === undefined && mixes[j] === undefined) continue;
    const first = images.subarray(i * size, (i + 1) * size);
    const second = images.subarray(j * size, (j + 1) * size);
    original.set(first);
    mixOne(first, second, mixes[i], width, channels);
    mixOne(second, original, mixes[j], width, channels);
  }
}

function mixOne(image: Float32Array, partner: Float32Array, mix: Mix, width: number, channels: number): void {
  if (mix === undefined) return;
  if ('box' in mix) {
    const { top, bottom, left, right } = mix.box;
    for (let y = top; y < bottom; y++) {
      const start = (y * width + left) * channels;
      const end = (y * width + right) * channels;
      image.set(partner.subarray(start, end), start);
    }
    return;
  }
  const own = Math.fround(mix.lam);
  const other = Math.fround(1 - mix.lam);
  // Each product is rounded to float32 before the sum, as PyTorch computes it.
  for (let p = 0; p < image.length; p++)
    image[p] = Math.fround(image[p]! * own) + Math.fround(partner[p]! * other);
}
