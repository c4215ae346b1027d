import { describe, expect, it } from 'vitest';
import { recipeFor } from '../../src/finetune/recipe.js';
import { flagLayer, mergeConfig } from '../../src/train/load-config.js';
import { readPreset } from '../../src/train/presets.js';

describe('the fine-tuning recipe', () => {
  it.each([
    [2, 2],
    [4, 2],
    [51, 2],
    [127, 5],
    [255, 10],
    [2550, 100],
    [100_000, 1000],
  ])('fits %i pictures of %i classes', async (images, classes) => {
    const recipe = recipeFor({ images, classes, inputSize: 224 });
    const config = mergeConfig(
      await readPreset('finetune'),
      flagLayer({ ...recipe, model: 'recnext_m1', data: 'photos', finetune: 'weights' }),
    );
    const steps = Math.floor(images / config.batchSize);
    expect(steps).toBeGreaterThanOrEqual(1);
    // A schedule that reaches its rate, an average that does not look back over the whole run.
    expect(config.epochs).toBeGreaterThanOrEqual(config.warmupEpochs + 2);
    expect(1 / (1 - config.modelEmaDecay)).toBeLessThanOrEqual(Math.max(10.001, (config.epochs * steps) / 9));
    expect((config.lr * config.batchSize) / 512).toBeCloseTo(1e-3, 9);
    expect(config.valSplit).toBe(0.15);
  });

  it('has gentle augmentation for few pictures of a class, that of the preset for many', async () => {
    const few = recipeFor({ images: 255, classes: 10, inputSize: 224 });
    expect(few).toMatchObject({
      aa: 'none',
      mixup: 0,
      cutmix: 0,
      reprob: 0,
      layerDecay: 1,
      batchSize: 32,
      epochs: 40,
    });
    const many = recipeFor({ images: 25_500, classes: 100, inputSize: 224 });
    expect(many).not.toHaveProperty('aa');
    expect(many).toMatchObject({ batchSize: 32, epochs: 10, setBnEval: false });
  });

  it('follows a number of epochs and a batch size that are given', () => {
    const subject = { images: 255, classes: 10, inputSize: 224 };
    expect(recipeFor(subject, { epochs: 3, batchSize: 64 })).toMatchObject({
      epochs: 3,
      batchSize: 64,
      warmupEpochs: 1,
      lr: 1e-3 * 8,
      modelEmaDecay: 0.9,
    });
    expect(recipeFor(subject, { epochs: 1 })).toMatchObject({ epochs: 1, warmupEpochs: 0 });
    expect(recipeFor(subject, { epochs: 200 }).modelEmaDecay).toBeCloseTo(1 - 1 / 140, 6);
  });

  it('leaves the running statistics alone where batches are tiny', () => {
    expect(recipeFor({ images: 20, classes: 2, inputSize: 224 })).toMatchObject({
      batchSize: 4,
      setBnEval: true,
    });
  });
});
