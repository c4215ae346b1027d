import type { LoadedBatch, Loader } from '../../../src/data/index.js';
import { fnv1a32, u32, uniform } from '../../helpers/synthetic.js';

const SIDE = 8;

/** Images whose class shows: noise around a pattern of the class, drawn from (seed, epoch, sample) as the real loader does. */
export function syntheticSource({
  samples = 24,
  batch = 8,
  classes = 4,
  shuffle = true,
  key = 'data',
} = {}): Loader {
  const steps = Math.ceil(samples / batch);
  return {
    samples,
    steps,
    async *epoch(epoch, firstStep = 0) {
      const order = Array.from({ length: samples }, (_, i) => i);
      if (shuffle)
        order.sort((a, b) => u32(fnv1a32(`${key}/${epoch}`), a) - u32(fnv1a32(`${key}/${epoch}`), b));
      for (let step = firstStep; step < steps; step++) {
        await Promise.resolve();
        yield makeBatch(order.slice(step * batch, (step + 1) * batch), epoch);
      }
    },
  };

  function makeBatch(indices: number[], epoch: number): LoadedBatch {
    const size = SIDE * SIDE * 3;
    const images = new Float32Array(indices.length * size);
    indices.forEach((index, i) => {
      const pattern = uniform(`pattern/${index % classes}`, size);
      const noise = uniform(`${key}/${shuffle ? epoch : 0}/${index}`, size);
      for (let j = 0; j < size; j++) images[i * size + j] = pattern[j]! + 0.3 * noise[j]!;
    });
    return {
      images,
      shape: [indices.length, SIDE, SIDE, 3],
      labels: Int32Array.from(indices, (index) => index % classes),
      indices: Int32Array.from(indices),
      names: indices.map((index) => `sample-${index}`),
    };
  }
}
