import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import {
  buildModel,
  FeatureExtractor,
  listModels,
  RecNext,
  replaceBatchnorm,
  smallInputNotice,
} from '../../src/models/index.js';
import { adaptInputChannels } from '../../src/models/adapt-input.js';
import { resolveRecNext, type RecNextOptions } from '../../src/models/recnext-config.js';
import { describeBackends, leaked } from '../helpers/backends.js';

const TINY: Record<string, RecNextOptions> = {
  recnext_m0: { embedDim: [4, 8, 16, 32], depth: [1, 1, 2, 1], numClasses: 10 },
  recnext_a0: { embedDim: [4, 8, 16, 32], depth: [1, 1, 2, 1], numHeads: [1, 2, 4, 8], numClasses: 10 },
  recnext_t: { embedDim: [8, 16, 24, 32], depth: [0, 1, 2, 2], numClasses: 10 },
  recnext_t_share_channel: { embedDim: [8, 16, 24, 32], depth: [1, 1, 2, 6], numClasses: 10 },
};
const NAMES = Object.keys(TINY);

function tiny(name: string, options: RecNextOptions = {}): RecNext {
  return new RecNext(resolveRecNext(name, { ...TINY[name], ...options }));
}

function image(height: number, width: number, channels = 3, batch = 2): tf.Tensor4D {
  return tf.randomNormal([batch, height, width, channels], 0, 1, 'float32', 1);
}

describe('names', () => {
  it('lists every model by pattern, with tags on request', () => {
    expect(listModels('recnext_m*')).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5'].map((s) => `recnext_${s}`));
    expect(listModels('recnext_*')).toHaveLength(18);
    expect(listModels('regnety_*')).toHaveLength(3);
    expect(listModels('recnext_m3*', { tagged: true })).toEqual([
      'recnext_m3.dist_300e_in1k',
      'recnext_m3.base_300e_in1k',
    ]);
  });

  it('refuses what there is not, and names the nearest', () => {
    expect(() => resolveRecNext('recnxt_m3')).toThrow(
      /unknown model "recnxt_m3".*Did you mean "recnext_m3"\?/,
    );
    expect(() => resolveRecNext('recnext_m3.dist_300_in1k')).toThrow(
      /unknown tag.*Did you mean "dist_300e_in1k"\?/,
    );
    expect(() => resolveRecNext('recnext_m0', { numClasses: -1 })).toThrow(
      /numClasses must be.*0 or more, found -1/,
    );
    expect(() => resolveRecNext('recnext_m0', { inChans: 0 })).toThrow(/inChans/);
    expect(() => resolveRecNext('recnext_m0', { dropPath: 1 })).toThrow(
      /dropPath must be at least 0 and below 1/,
    );
    expect(() => resolveRecNext('recnext_m0', { embedDim: [4, 8, 16] })).toThrow(/4 stages, found 3/);
    expect(() => resolveRecNext('recnext_a0', { embedDim: [5, 10, 20, 40] })).toThrow(/divisible/);
    expect(() => buildModel('regnety_002', { distillation: true })).toThrow(/has no option "distillation"/);
    expect(() => buildModel('regnety_002', { depth: [1, 1, 1, 1] })).toThrow(/has no option "depth"/);
    expect(() => buildModel('regnety_002', { numClasses: -1 })).toThrow(/numClasses must be a whole number/);
    expect(() => buildModel('regnety_002', { inChans: 0 })).toThrow(/inChans/);
  });

  it('takes distillation from the tag', () => {
    expect(resolveRecNext('recnext_m3.dist_300e_in1k').distillation).toBe(true);
    expect(resolveRecNext('recnext_m4.dist_300e_in1k').dropPath).toBe(0);
    expect(resolveRecNext('recnext_m4').dropPath).toBe(0.2);
  });
});

describeBackends(['node', 'wasm', 'cpu'], 'a model', () => {
  it.each(NAMES)('%s takes any size and fuses in both forms', (name) => {
    const model = tiny(name);
    const forms = [replaceBatchnorm(model), replaceBatchnorm(model, 'reference')];
    const again = replaceBatchnorm(forms[1]!, 'full');
    for (const [height, width] of [
      [64, 64],
      [33, 47],
      [7, 5],
      [1, 1],
    ] as const) {
      const x = image(height, width);
      const expected = model.forward(x);
      expect(expected.shape).toEqual([2, 10]);
      for (const form of [...forms, again]) {
        const found = form.forward(x);
        const largest = expected.abs().max().dataSync()[0]!;
        expect(found.sub(expected).abs().max().dataSync()[0]! / largest).toBeLessThan(1e-5);
      }
    }
    expect(() => replaceBatchnorm(forms[0]!)).toThrow(/fused already/);
  });

  it.each(NAMES)('%s leaks nothing, forward or back', async (name) => {
    const model = tiny(name, { distillation: true, dropPath: 0.5, drop: 0.1 });
    const x = image(32, 32);
    const step = (): void => {
      model.forward(x).dispose();
      const { value, grads } = tf.variableGrads(() => {
        const { logits, dist } = model.forwardTraining(x);
        return tf.add<tf.Scalar>(logits.square().mean(), dist!.square().mean());
      }, [...model.parameters.values()]);
      tf.dispose([value, grads]);
    };
    step();
    expect(await leaked(step)).toBe(0);
    model.dispose();
    x.dispose();
  });
});

describeBackends(['cpu'], 'the interface of timm', () => {
  it('gives features, intermediates and heads', () => {
    const model = tiny('recnext_m0');
    const x = image(40, 33);
    const features = model.forwardFeatures(x);
    expect(features.shape).toEqual([2, 2, 2, 32]);
    expect(model.forwardHead(features, { preLogits: true }).shape).toEqual([2, 32]);
    expect(model.forwardHead(features).dataSync()).toEqual(model.forward(x).dataSync());
    const all = model.forwardIntermediates(x);
    expect(all.intermediates.map(({ shape }) => shape)).toEqual([
      [2, 10, 9, 4],
      [2, 5, 5, 8],
      [2, 3, 3, 16],
      [2, 2, 2, 32],
    ]);
    expect(all.features.dataSync()).toEqual(features.dataSync());
    const some = model.forwardIntermediates(x, { indices: [-1, 1] }).intermediates;
    expect(some.map(({ shape }) => shape[3])).toEqual([32, 8]);
    expect(some[1]!.dataSync()).toEqual(all.intermediates[1]!.dataSync());
    expect(model.forwardIntermediates(x, { indices: 2 }).intermediates.map(({ shape }) => shape[3])).toEqual([
      16, 32,
    ]);
    expect(() => model.forwardIntermediates(x, { indices: [4] })).toThrow(
      /there is no stage 4; stages go from 0 to 3/,
    );
    expect(() => model.forwardIntermediates(x, { indices: 5 })).toThrow(/last 5 stages.*it has 4/);
  });

  it('is a feature extractor under the names of its wrapper', () => {
    const extractor = new FeatureExtractor(tiny('recnext_t', { numClasses: 0 }), [1, -1]);
    expect(extractor.featureInfo).toEqual([
      { stage: 1, channels: 16, reduction: 16 },
      { stage: 3, channels: 32, reduction: 64 },
    ]);
    const x = image(64, 64);
    expect(extractor.forward(x).map(({ shape }) => shape)).toEqual([
      [2, 4, 4, 16],
      [2, 1, 1, 32],
    ]);
    const state = extractor.stateDict();
    expect([...state.keys()]).toContain('stages_1.downsample.token_mixer.conv.weight');
    const other = new FeatureExtractor(tiny('recnext_t', { numClasses: 0 }));
    other.loadStateDict(state);
    expect([...other.stateDict()]).toEqual([...state]);
    expect(() => new FeatureExtractor(tiny('recnext_t'), [9])).toThrow(/no stage 9/);
  });

  it('has pooled features without a classifier, and another classifier on request', async () => {
    const model = tiny('recnext_m0', { numClasses: 0 });
    const x = image(32, 32);
    const pooled = tf.mean(model.forwardFeatures(x), [1, 2]);
    expect(model.forward(x).dataSync()).toEqual(pooled.dataSync());
    expect(model.forwardTraining(x).logits.shape).toEqual([2, 32]);
    expect([...model.parameters.keys()].some((name) => name.startsWith('head.'))).toBe(false);
    const backbone = model.stateDict();
    model.resetClassifier(7);
    expect(model.numClasses).toBe(7);
    expect(model.forward(x).shape).toEqual([2, 7]);
    expect(model.parameters.get('head.head.linear.weight')!.shape).toEqual([32, 7]);
    for (const [name, { data }] of backbone) {
      if (!name.endsWith('tracked') && !name.includes('running'))
        expect(model.stateDict().get(name)!.data).toEqual(data);
    }
    expect(() => model.resetClassifier(-2)).toThrow(/numClasses/);
    expect(await leaked(() => model.resetClassifier(7))).toBe(0);
  });

  it('converts the stem of a 3-channel checkpoint', () => {
    const state = tiny('recnext_m0').stateDict();
    const weight = state.get('stem.stem.0.conv.weight')!.data as Float32Array;
    const gray = adaptInputChannels(state, 1, 'a.pth').get('stem.stem.0.conv.weight')!;
    expect(gray.shape).toEqual([2, 1, 3, 3]);
    expect(gray.data[0]).toBeCloseTo(weight[0]! + weight[9]! + weight[18]!, 6);
    const four = adaptInputChannels(state, 4, 'a.pth').get('stem.stem.0.conv.weight')!;
    expect(four.shape).toEqual([2, 4, 3, 3]);
    expect(four.data[27]).toBeCloseTo((weight[0]! * 3) / 4, 6);
    expect(() => adaptInputChannels(adaptInputChannels(state, 4, 'a'), 5, 'a.pth')).toThrow(
      /images of 4 channels/,
    );
    for (const inChans of [1, 4]) {
      const model = tiny('recnext_m0', { inChans });
      model.loadStateDict(adaptInputChannels(state, inChans, 'a.pth'));
      expect(model.forward(image(32, 32, inChans)).shape).toEqual([2, 10]);
      expect(() => model.forward(image(32, 32, 3))).toThrow(
        new RegExp(`expects images as .*, ${inChans}\\], found`),
      );
    }
  });

  it('returns both heads only in training with distillation; evaluation gives their mean either way', () => {
    const x = image(32, 32);
    const [plain, distilled] = [tiny('recnext_a0'), tiny('recnext_a0', { distillation: true })];
    expect(plain.forward(x).dataSync()).toEqual(distilled.forward(x).dataSync());
    const { logits, dist } = distilled.forwardTraining(x);
    const mean = plain.forwardTraining(x);
    expect(mean.dist).toBeUndefined();
    const expected = tf.mul(tf.add(logits, dist!), 0.5).dataSync();
    mean.logits.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
    const fused = new RecNext({ ...distilled.config, fuse: 'full' });
    expect(() => fused.forwardTraining(x)).toThrow(/is fused.*Train the unfused model/);
  });

  it('drops paths per sample and scales what it keeps', () => {
    const rate = 0.25;
    const model = tiny('recnext_m0', { dropPath: rate });
    const x = image(32, 32, 3, 4);
    const asked: string[] = [];
    const uniform = (path: string, count: number): tf.Tensor1D => {
      asked.push(path);
      return tf.tensor1d(Float32Array.from({ length: count }, (_, i) => (i === 2 ? 0.1 : 0.9)));
    };
    const outputs = new Map<string, tf.Tensor>();
    model.forwardTraining(x, {
      uniform,
      observe: (path, y) => outputs.set(path, tf.keep(y.clone())),
      freezeBatchNorm: true,
    });
    expect(asked).toEqual(
      [
        'stages.0.blocks.0',
        'stages.1.blocks.0',
        'stages.2.blocks.0',
        'stages.2.blocks.1',
        'stages.3.blocks.0',
      ].map((path) => `${path}.drop_path`),
    );
    const input = outputs.get('stem')!;
    const branch = outputs.get('stages.0.blocks.0.channel_mixer')!;
    const keep = tf.tensor4d([1, 1, 0, 1], [4, 1, 1, 1]).div(1 - rate);
    const expected = tf.add(input, tf.mul(branch, keep));
    const found = outputs.get('stages.0.blocks.0')!;
    expect(found.sub(expected).abs().max().dataSync()[0]).toBeLessThan(1e-6);
  });

  it('keeps its running statistics when batch norms are frozen, and counts batches otherwise', () => {
    const model = tiny('recnext_m0');
    const x = image(32, 32);
    const before = model.stateDict();
    model.forwardTraining(x, { freezeBatchNorm: true });
    expect([...model.stateDict()]).toEqual([...before]);
    model.forwardTraining(x);
    const after = model.stateDict();
    expect(after.get('stem.stem.0.norm.num_batches_tracked')!.data[0]).toBe(1n);
    expect(after.get('stem.stem.0.norm.running_mean')).not.toEqual(
      before.get('stem.stem.0.norm.running_mean'),
    );
  });
});

describeBackends(['cpu'], 'disposing', () => {
  it('of a model and of its LayersModel, in any order and twice, frees everything once', async () => {
    const count = await leaked(() => {
      for (const order of ['model', 'layers', 'reset'] as const) {
        const model = tiny('recnext_m0');
        const layersModel = model.toLayersModel();
        if (order === 'reset') model.resetClassifier(3);
        if (order === 'layers') layersModel.dispose();
        model.dispose();
        model.dispose();
        if (order !== 'layers') layersModel.dispose();
      }
    });
    expect(count).toBe(0);
  });
});

describeBackends(['cpu'], 'fresh weights', () => {
  it('have the distributions of PyTorch', () => {
    const model = buildModel('recnext_m0', { seed: 5 });
    for (const [name, variable] of model.parameters) {
      const { layout, shape } = model.parameterSpecs.get(name)!;
      const values = variable.dataSync<'float32'>();
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
      const largest = values.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
      // Five standard errors of the mean; the standard deviation of n samples is known to about 1 / sqrt(2 n).
      const near = (expected: number): void => {
        expect(Math.abs(mean), name).toBeLessThan((5 * expected) / Math.sqrt(values.length));
        expect(Math.abs(std / expected - 1), name).toBeLessThan(5 / Math.sqrt(2 * values.length));
      };
      if (layout === 'conv') {
        const bound = 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1));
        expect(largest, name).toBeLessThanOrEqual(Math.fround(bound));
        near(bound / Math.sqrt(3));
      } else if (layout === 'linear') {
        near(0.02);
        expect(largest).toBeLessThanOrEqual(2);
      } else if (name.endsWith('norm.weight')) {
        expect(new Set(values)).toEqual(new Set([1]));
      } else if (name.endsWith('norm.bias') || name.includes('head')) {
        expect(new Set(values)).toEqual(new Set([0]));
      } else {
        const conv = model.parameterSpecs.get(name.replace('.bias', '.weight'))!;
        expect(largest).toBeLessThanOrEqual(
          Math.fround(1 / Math.sqrt(conv.shape[1]! * conv.shape[2]! * conv.shape[3]!)),
        );
      }
    }
  });

  it('depend on the seed and the name only', () => {
    const weight = (seed: number, name = 'recnext_m0') =>
      buildModel(name, { ...TINY[name], seed })
        .parameters.get('stem.stem.0.conv.weight')!
        .dataSync();
    expect(weight(1)).toEqual(weight(1));
    expect(weight(1)).not.toEqual(weight(2));
    expect(weight(1, 'recnext_a0')).toEqual(weight(1));
  });
});

describeBackends(['cpu'], 'a small input', () => {
  it('is computed, and told of when it is below the stride', () => {
    const notice = (name: string, imgSize: number) => smallInputNotice(tiny(name, { imgSize }));
    expect(notice('recnext_m0', 32)).toBeUndefined();
    expect(notice('recnext_m0', 16)).toMatch(
      /input 16x16 is smaller than the stride of recnext_m0 \(32\): from stages\.2 on/,
    );
    expect(notice('recnext_t', 32)).toMatch(/stride of recnext_t \(64\): from stages\.2 on/);
  });

  it('cannot be trained on where a channel has a single value', () => {
    const model = tiny('recnext_m0');
    expect(() => model.forwardTraining(image(8, 8, 3, 1))).toThrow(/one value/);
  });
});
