import type { ImagesShape, InferenceEngine } from '../runtime/engines/engine.js';

/** Test-time flip: the logits of each image and of its mirror image, averaged. Costs twice the time. */
export function flipAverage(engine: InferenceEngine): InferenceEngine {
  return {
    engine: engine.engine,
    numClasses: engine.numClasses,
    async logits(images, shape) {
      // A copy: an engine's result may lie in memory that its next run writes to.
      const logits = new Float32Array(await engine.logits(images, shape));
      const flipped = await engine.logits(mirrorImages(images, shape), shape);
      return logits.map((value, i) => (value + flipped[i]!) / 2);
    },
    dispose: () => engine.dispose(),
  };
}

/** Left and right exchanged, as a new array. */
export function mirrorImages(
  images: Float32Array,
  [batch, height, width, channels]: ImagesShape,
): Float32Array {
  const out = new Float32Array(images.length);
  for (let row = 0; row < batch * height; row++)
    for (let x = 0; x < width; x++) {
      const from = (row * width + x) * channels;
      const to = (row * width + width - 1 - x) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = images[from + c]!;
    }
  return out;
}
