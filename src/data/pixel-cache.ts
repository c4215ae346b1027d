import type { RgbImage } from './rgb-image.js';

/**
 * Decoded pictures of a small data set, so that only the first epoch decodes. All or nothing: as soon as the set turns out not to fit,
 * everything is dropped and nothing is kept any more, since a part of a large set would cost memory and save next to nothing.
 */
export class PixelCache {
  readonly #images = new Map<number, RgbImage>();
  #bytes = 0;
  #fits: boolean;

  /** @param limit bytes of pixels to keep at most; 0 keeps nothing. */
  constructor(private readonly limit: number) {
    this.#fits = limit > 0;
  }

  /** Whether pictures are still being kept. */
  get fits(): boolean {
    return this.#fits;
  }

  get(index: number): RgbImage | undefined {
    return this.#images.get(index);
  }

  set(index: number, image: RgbImage): void {
    if (!this.#fits || this.#images.has(index)) return;
    this.#bytes += image.data.byteLength;
    if (this.#bytes > this.limit) {
      this.#fits = false;
      this.#images.clear();
    } else this.#images.set(index, image);
  }
}
