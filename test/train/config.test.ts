import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { optionName, runConfigSchema } from '../../src/train/config.js';
import {
  describeConfig,
  flagLayer,
  formatConfig,
  mergeConfig,
  readConfigFile,
} from '../../src/train/load-config.js';
import { PRESETS } from '../../src/train/preset-names.js';
import { readPreset } from '../../src/train/presets.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recnext-config-'));
});
afterEach(() => rm(dir, { recursive: true }));

const file = async (text: string) => {
  const path = join(dir, 'run.yaml');
  await writeFile(path, text);
  return path;
};
const flags = (values: object) => mergeConfig(flagLayer({ model: 'recnext_m0', data: 'd', ...values }));

describe('configuration of a run', () => {
  it("has the reference's defaults", () => {
    // `recipe.md` of the specification, and what it says nothing of.
    expect(flags({})).toMatchObject({
      model: 'recnext_m0',
      data: 'd',
      inputSize: 224,
      epochs: 300,
      batchSize: 256,
      gradAccumSteps: 1,
      saveFreq: 1,
      checkpointHist: 3,
      seed: 0,
      opt: 'adamw',
      optEps: 1e-8,
      optBetas: [0.9, 0.999],
      momentum: 0.9,
      weightDecay: 0.025,
      clipGrad: 0.02,
      clipMode: 'agc',
      sched: 'cosine',
      lr: 1e-3,
      warmupLr: 1e-6,
      minLr: 1e-5,
      warmupEpochs: 5,
      cooldownEpochs: 10,
      modelEma: true,
      modelEmaDecay: 0.99996,
      aa: 'rand-m9-mstd0.5-inc1',
      colorJitter: 0.4,
      trainInterpolation: 'bicubic',
      repeatedAug: true,
      threeAugment: false,
      scale: [0.08, 1],
      ratio: [3 / 4, 4 / 3],
      hflip: 0.5,
      reprob: 0.25,
      remode: 'pixel',
      recount: 1,
      resplit: false,
      mixup: 0.8,
      cutmix: 1,
      mixupProb: 1,
      mixupSwitchProb: 0.5,
      mixupMode: 'batch',
      mixupOffEpoch: 0,
      smoothing: 0.1,
      distillationType: 'none',
      distillationAlpha: 0.5,
      distillationTau: 1,
      drop: 0,
      setBnEval: false,
      onNan: 'stop',
      tensorboard: expect.any(Boolean) as boolean,
      tbHistograms: expect.anything() as never,
      tbImages: expect.anything() as never,
    });
  });

  it('takes flags over the file over defaults', async () => {
    const path = await file(
      'model: recnext_m1\nbatch-size: 32\nweight_decay: 0.05\nopt-betas: [0.9, 0.95]\nval:\n',
    );
    const config = mergeConfig(
      await readConfigFile(path),
      flagLayer({ data: 'd', batchSize: 64, lr: undefined }),
    );
    expect(config).toMatchObject({
      model: 'recnext_m1',
      data: 'd',
      batchSize: 64,
      weightDecay: 0.05,
      lr: 1e-3,
    });
    expect(config.optBetas).toEqual([0.9, 0.95]);
    expect(config.val).toBeUndefined();
  });

  it('is saved whole and read back equal', async () => {
    const config = flags({ teacherPath: 't', distillationType: 'soft', lr: 0.1 });
    const text = formatConfig(config);
    const saved = parse(text) as object;
    for (const key of Object.keys(runConfigSchema.shape))
      if (config[key as keyof typeof config] !== undefined) expect(saved).toHaveProperty([optionName(key)]);
    expect(mergeConfig(await readConfigFile(await file(text)))).toEqual(config);
  });

  it('distils hard when there is a teacher, not at all without one', () => {
    expect(flags({ teacherPath: 't' }).distillationType).toBe('hard');
    expect(flags({ teacherPath: 't', distillationType: 'none' }).distillationType).toBe('none');
    expect(flags({}).distillationType).toBe('none');
  });

  it.each([
    [{ model: undefined }, 'Option --model is needed: model to train'],
    [{ epochs: 0 }, '--epochs: expected number to be >=1, found 0.'],
    [{ epochs: 2.5 }, '--epochs: expected int, found 2.5.'],
    [{ lr: -1 }, '--lr: expected number to be >=0, found -1.'],
    [{ clipMode: 'agcc' }, '--clip-mode: expected one of "agc"|"norm"|"value", found "agcc".'],
    [{ batchSize: 7 }, 'Mixup and CutMix mix images in pairs: --batch-size 7 is odd'],
    [{ cutmixMinmax: [0.8, 0.2] }, '--cutmix-minmax: expected the smaller share first, found 0.8 0.2.'],
    [{ progressive: ['0:160', '300:192'] }, 'the run has 300 epochs, the last is 299'],
    [{ progressive: ['2:160'] }, '--progressive 2:160: expected epoch 0 first, found 2.'],
    [{ progressive: ['0:160', '0:192'] }, 'expected an epoch of 1 or more, found 0.'],
    [{ progressive: ['160'] }, '--progressive: expected EPOCH:SIZE, found ["160"].'],
    [{ epochs: 5 }, 'A warm-up of 5 epochs leaves nothing of a run of 5'],
    [
      { teacherModel: 'recnext_m1' },
      'The teacher recnext_m1 needs its weights: give them with --teacher-path.',
    ],
    [{ distillationType: 'soft' }, '--distillation-type soft needs a teacher'],
  ])('refuses %j', (values, message) => {
    expect(() => flags(values)).toThrow(message);
  });

  it.each([
    ['wieght-decay: 0.1', 'unknown option "wieght-decay". Did you mean "weight-decay"?'],
    ['batch_sizes: 3', 'unknown option "batch_sizes". Did you mean "batch-size"?'],
    ['- 1', 'expected "option: value" lines, found a list.'],
    ['word', 'expected "option: value" lines, found "word".'],
    ['a: [1', 'line 1: not YAML'],
  ])('refuses a file with %j', async (text, message) => {
    await expect(readConfigFile(await file(text))).rejects.toThrow(message);
  });

  it('names the file of a wrong value, and a file that is not there', async () => {
    const path = await file('model: m\ndata: d\nepochs: many\n');
    const layer = await readConfigFile(path);
    expect(() => mergeConfig(layer)).toThrow(`${path}: epochs: expected number, found "many".`);
    await expect(readConfigFile(join(dir, 'none.yaml'))).rejects.toThrow(
      /Cannot read the configuration .*none\.yaml/,
    );
  });
});

describe('presets', () => {
  const model = flagLayer({ model: 'recnext_m0', data: 'd' });

  it.each(Object.keys(PRESETS))('%s is a valid configuration', async (name) => {
    const preset = await readPreset(name);
    const config = mergeConfig(preset, model);
    for (const [key, value] of Object.entries(preset.values))
      expect(config[key as keyof typeof config]).toEqual(value);
  });

  it('reference-300e is what runs without a preset', async () => {
    expect(mergeConfig(await readPreset('reference-300e'), model)).toEqual(mergeConfig(model));
  });

  it('gives way to a file and to flags', async () => {
    const path = await file('lr: 0.5\nepochs: 12\n');
    const config = mergeConfig(
      await readPreset('cpu-small'),
      await readConfigFile(path),
      flagLayer({ model: 'm', data: 'd', epochs: 4 }),
    );
    expect(config).toMatchObject({ inputSize: 32, lr: 0.5, epochs: 4 });
  });

  it('every file of the folder is listed, and a wrong name is explained', async () => {
    const files = await readdir(new URL('../../presets', import.meta.url));
    expect(files.sort()).toEqual(
      Object.keys(PRESETS)
        .map((name) => `${name}.yaml`)
        .sort(),
    );
    await expect(readPreset('cpu-smal')).rejects.toThrow(
      'There is no preset "cpu-smal". Did you mean "cpu-small"? Presets: reference-300e,',
    );
  });
});

describe('configuration for people', () => {
  it('says every option by group, and leaves out those without a value', () => {
    const lines = describeConfig(flags({ freeze: ['stem', 'stages.0'] }));
    expect(lines.join('\n')).toContain('opt-betas 0.9 0.999');
    expect(lines.find((line) => line.startsWith('Fine-tuning:'))).toBe(
      'Fine-tuning: freeze stem stages.0, set-bn-eval false',
    );
  });
});
