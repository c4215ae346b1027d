import { expect, it } from 'vitest';
import { evaluate } from '../../src/eval/evaluate.js';
import { eagerEngine } from '../../src/runtime/engines/eager.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { syntheticSource } from '../train/helpers/synthetic-source.js';
import { TinyModel } from '../train/helpers/tiny-model.js';

describeBackends(['cpu', 'wasm', 'node'], 'evaluation', () => {
  it('gives the same whatever the batch size, partial last batch included', async () => {
    const model = new TinyModel();
    const results = [];
    for (const batch of [22, 8, 1]) {
      const seen: number[] = [];
      const source = syntheticSource({ samples: 22, batch, shuffle: false });
      results.push(await evaluate(eagerEngine(model), source, { onProgress: (n) => seen.push(n) }));
      expect(seen).toHaveLength(Math.ceil(22 / batch));
      expect(seen.at(-1)).toBe(22);
    }
    for (const result of results) {
      expect(result).toMatchObject({ images: 22, top1: results[0]!.top1, top5: 100, k: 4 });
      expect(result.loss).toBeCloseTo(results[0]!.loss, 5);
      expect(result.seconds).toBeGreaterThanOrEqual(result.computeSeconds);
    }
    model.dispose();
  });

  it('leaves no tensor behind', async () => {
    const model = new TinyModel();
    const source = syntheticSource();
    expect(await leaked(async () => void (await evaluate(eagerEngine(model), source)))).toBe(0);
  });

  it('stops between two batches when asked to', async () => {
    const controller = new AbortController();
    const run = evaluate(eagerEngine(new TinyModel()), syntheticSource(), {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(run).rejects.toThrow('enough');
  });
});
