import { expect, it } from 'vitest';
import { flipAverage, mirrorImages } from '../../src/eval/flip-average.js';
import type { InferenceEngine } from '../../src/runtime/engines/engine.js';

const shape = [2, 1, 3, 2] as const;
const images = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);

it('mirrors pixel by pixel', () => {
  expect([...mirrorImages(images, shape)]).toEqual([5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8]);
});

it('averages the logits of image and mirror image, whatever memory the engine answers with', async () => {
  const answer = new Float32Array(2);
  let disposed = 0;
  const engine: InferenceEngine = {
    engine: 'eager',
    numClasses: 1,
    // The first value of each picture; always in the same array.
    logits: async (batch) => {
      answer.set([batch[0]!, batch[6]!]);
      return answer;
    },
    dispose: () => disposed++,
  };
  const averaged = flipAverage(engine);
  expect([...(await averaged.logits(images, shape))]).toEqual([3, 9]);
  averaged.dispose();
  expect(disposed).toBe(1);
});
