import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { createModel } from '../../src/convert/create-model.js';
import { writeSafetensors } from '../../src/convert/files.js';
import { parseHubSpec } from '../../src/convert/hub/hub-spec.js';
import { pretrainedSource } from '../../src/convert/hub/pretrained-source.js';
import { buildModel, FeatureExtractor, listModels, RecNext, type RegNet } from '../../src/models/index.js';
import { selectBackend } from '../../src/runtime/backend.js';
import { FAST, failure, withHub } from './hub/setup.js';

/** The repository holds the published name with a tiny model in it: widths come from the weights. */
const TINY = { embedDim: [4, 8, 16, 32], depth: [1, 1, 1, 1], numClasses: 5, seed: 7 };

describe('createModel', () => {
  const at = withHub();
  let path: string;
  let logits: Float32Array;
  const image = (): tf.Tensor4D => tf.randomNormal<tf.Rank.R4>([1, 32, 32, 3], 0, 1, 'float32', 1);
  const run = (model: RecNext | RegNet, x = image()): Float32Array =>
    tf.tidy(() => model.forward(x).dataSync<'float32'>());
  beforeAll(() => selectBackend('cpu'));
  beforeEach(async () => {
    const model = buildModel('recnext_m0', TINY);
    logits = run(model);
    path = join(at.folder, 'weights.safetensors');
    await writeSafetensors(path, model.stateDict());
    model.dispose();
    at.hub.files.set('model.safetensors', readFileSync(path));
  });
  const pretrained = { ...FAST, pretrained: true } as const;

  it('brings the published weights, which give the same logits', async () => {
    const model = await createModel('recnext_m0', pretrained);
    expect(model.name).toBe('recnext_m0');
    expect(run(model)).toEqual(logits);
    expect(model.distillation).toBe(false);
    model.dispose();
  });

  it('takes a file or an address as checkpointPath, and says what is new', async () => {
    for (const checkpointPath of [path, 'hf://suous/recnext_m0.base_300e_in1k/model.safetensors']) {
      const model = await createModel('recnext_m0', {
        ...FAST,
        checkpointPath,
        distillation: true,
        dropPath: 0.1,
      });
      expect(run(model)).toEqual(logits);
      expect(model.distillation).toBe(true);
      model.dispose();
    }
    const lines: string[] = [];
    const model = await createModel('recnext_m0', {
      checkpointPath: path,
      numClasses: 3,
      notice: (line) => lines.push(line),
    });
    expect(model.numClasses).toBe(3);
    expect(lines).toEqual([expect.stringMatching(/the head is new: .* has 5 classes, 3 were asked for/)]);
    model.dispose();
  });

  it('gives a fresh head by its seed, no head, or a converted stem; the rest stays', async () => {
    const before = tf.memory().numTensors;
    const heads = [];
    for (const seed of [1, 1, 2]) {
      const model = await createModel('recnext_m0', { ...pretrained, numClasses: 3, seed });
      const state = model.stateDict();
      heads.push([...state].filter(([name]) => name.startsWith('head.')).map(([, { data }]) => [...data]));
      const trunk = buildModel('recnext_m0', TINY);
      for (const [name, { data }] of trunk.stateDict())
        if (!name.startsWith('head.')) expect(state.get(name)?.data, name).toEqual(data);
      trunk.dispose();
      model.dispose();
    }
    expect(heads[0]).toEqual(heads[1]);
    expect(heads[0]).not.toEqual(heads[2]);

    const pooled = await createModel('recnext_m0', { ...pretrained, numClasses: 0 });
    expect(run(pooled)).toHaveLength(32);
    pooled.dispose();

    const grey = await createModel('recnext_m0', { ...pretrained, inChans: 1, imgSize: 64 });
    expect(grey.dataConfig.inputSize).toEqual([1, 64, 64]);
    // timm adds the weights of the three colours up: a grey picture gives what it gave in all three.
    const one = tf.randomNormal<tf.Rank.R4>([1, 32, 32, 1], 0, 1, 'float32', 2);
    const colour = await createModel('recnext_m0', pretrained);
    const expected = run(colour, tf.concat([one, one, one], 3));
    run(grey, one).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
    colour.dispose();
    grey.dispose();
    tf.dispose(one);
    // What `image()` and `concat` above made; models leave nothing.
    expect(tf.memory().numTensors - before).toBe(2);
  });

  it('gives feature maps of the chosen stages', async () => {
    const backbone = await createModel('recnext_m0', {
      ...pretrained,
      featuresOnly: true,
      outIndices: [0, -1],
    });
    expectTypeOf(backbone).toEqualTypeOf<FeatureExtractor>();
    expect(backbone).toBeInstanceOf(FeatureExtractor);
    expect(backbone.forward(image()).map(({ shape }) => shape)).toEqual([
      [1, 8, 8, 4],
      [1, 1, 1, 32],
    ]);
    backbone.dispose();
    const fresh = await createModel('recnext_m0', {
      featuresOnly: false,
      embedDim: [4, 8, 16, 32],
      depth: [1, 1, 1, 1],
    });
    expectTypeOf(fresh).toEqualTypeOf<RecNext | RegNet>();
    expect(fresh).toBeInstanceOf(RecNext);
    fresh.dispose();
  });

  it('refuses what does not go together, before anything is fetched', async () => {
    expect(await failure(createModel('recnext_m0', { ...pretrained, embedDim: [4, 8, 16, 32] }))).toMatch(
      /recnext_m0: embedDim goes with fresh weights only/,
    );
    expect(await failure(createModel('recnext_m0', { checkpointPath: path, depth: [1, 1, 1, 1] }))).toMatch(
      /depth goes with fresh/,
    );
    expect(await failure(createModel('recnext_m0', { ...pretrained, checkpointPath: path }))).toMatch(
      /exclude each other/,
    );
    expect(await failure(createModel('recnext_m0', { outIndices: [1] }))).toMatch(/goes with featuresOnly/);
    expect(await failure(createModel('recnext_m9', pretrained))).toMatch(/unknown model "recnext_m9"/);
    expect(at.hub.hub.requests).toEqual([]);
    const before = tf.memory().numTensors;
    expect(
      await failure(createModel('recnext_m0', { ...pretrained, featuresOnly: true, outIndices: [9] })),
    ).toMatch(/no stage 9/);
    expect(tf.memory().numTensors).toBe(before);
    // The published repository holds another model than its name says.
    expect(await failure(createModel('recnext_a0', { checkpointPath: path }))).toMatch(
      /These look like the weights of recnext_m0/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('published weights', () => {
  it('are found by the name of the model, its tag first', () => {
    expect(pretrainedSource('recnext_m3')).toBe('hf://suous/recnext_m3.base_300e_in1k');
    expect(pretrainedSource('recnext_m3', { distillation: true })).toBe(
      'hf://suous/recnext_m3.dist_300e_in1k',
    );
    expect(pretrainedSource('recnext_m3.dist_300e_in1k', { distillation: false })).toBe(
      'hf://suous/recnext_m3.dist_300e_in1k',
    );
    expect(pretrainedSource('recnext_t_share_channel.base_300e_in1k', { distillation: true })).toBe(
      'hf://suous/recnext_t_share_channel.base_300e_in1k',
    );
    expect(pretrainedSource('regnety_160')).toBe('hf://timm/regnety_160.deit_in1k');
    expect(pretrainedSource('regnety_016')).toBe('hf://timm/regnety_016.tv2_in1k');
    expect(pretrainedSource('regnety_002')).toBe('hf://timm/regnety_002.pycls_in1k');
    for (const name of listModels('*'))
      expect(pretrainedSource(name)).toMatch(/^hf:\/\/(suous|timm)\/\w+\.\w+_in1k$/);
  });

  it('have addresses that are read whole or refused', () => {
    expect(parseHubSpec('hf://a/b')).toEqual({ repo: 'a/b', revision: 'main', file: undefined });
    expect(parseHubSpec('hf://a/b@v1/sub/c.pth')).toEqual({ repo: 'a/b', revision: 'v1', file: 'sub/c.pth' });
    expect(parseHubSpec('hf://a/b@refs%2Fpr%2F1/c')).toEqual({
      repo: 'a/b',
      revision: 'refs/pr/1',
      file: 'c',
    });
    for (const bad of [
      'hf://a',
      'hf://',
      'hf://a/b/../c',
      'hf://a/b@../x',
      'hf://../b',
      'hf://a/b/c:d',
      'hf://a/b//c',
      'hf://a/b/c\\d',
      'hf://a/b@/c',
    ])
      expect(() => parseHubSpec(bad), bad).toThrow(/is no address on the hub: expected hf:\/\/owner\/repo/);
  });
});
