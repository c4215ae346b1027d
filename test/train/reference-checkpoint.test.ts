import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/convert/files.js';
import { toTorch } from '../../src/layers/weight-layout.js';
import { loadModel } from '../../src/convert/load-weights.js';
import { learningRate } from '../../src/train/schedule.js';
import { flagLayer, mergeConfig, readConfigFile } from '../../src/train/load-config.js';
import { readReferenceCheckpoint, referenceOptions } from '../../src/train/reference-checkpoint.js';
import { resumeRun } from '../../src/train/run.js';
import { describeBackends } from '../helpers/backends.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';

interface Sample {
  shape: number[];
  index: number[];
  value: number[];
}
interface Description {
  group_options: { lr: number }[];
  optimizer_samples: Record<string, { step: number; exp_avg: Sample; exp_avg_sq: Sample }>;
}

const FILE = `${GOLDEN}checkpoints/m_training.pth`;

const title = `a checkpoint of the reference's main.py${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`;
describe.skipIf(!hasGolden)(title, () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-reference-'));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const golden = (): Description =>
    JSON.parse(readFileSync(`${GOLDEN}checkpoints/m_training.json`, 'utf8')) as Description;

  it('gives the options of its run, the learning rate before it was scaled', async () => {
    const checkpoint = await readReferenceCheckpoint(FILE);
    const config = mergeConfig(
      {
        ...referenceOptions(checkpoint),
        values: { ...referenceOptions(checkpoint).values, teacherPath: 't' },
      },
      flagLayer({ model: 'recnext_m0', data: 'd' }),
    );
    const defaults = mergeConfig(flagLayer({ model: 'recnext_m0', data: 'd', teacherPath: 't' }));
    expect(config).toEqual({ ...defaults, teacherModel: 'regnety_160' });
    // What its optimizer was left with is what the next epoch runs at.
    const next = learningRate({ ...config, globalBatchSize: config.batchSize }, checkpoint.epoch + 1);
    expect(next).toBeCloseTo(golden().group_options[0]!.lr, 12);
  });

  it('refuses files that are no training checkpoints', async () => {
    await expect(readReferenceCheckpoint(`${GOLDEN}checkpoints/m_model.pth`)).rejects.toThrow(
      /m_model\.pth: not a checkpoint of a training run .*use --finetune/,
    );
  });

  describeBackends(['node'], 'resumed', () => {
    it('is gone on with: weights, average, moments by name, updates, epoch', async () => {
      const notices: string[] = [];
      const stop = new AbortController();
      const flags = flagLayer({
        data: 'data/digits/train-{000000..000002}.tar.gz',
        val: 'data/digits/val-000000.tar.gz',
        inputSize: 32,
        batchSize: 32,
        distillationType: 'none',
        teacherModel: undefined,
        outputDir: join(dir, 'run'),
      });
      stop.abort();
      const options = { notice: (line: string) => notices.push(line), signal: stop.signal };
      const run = await resumeRun(FILE, flags, options);
      expect(run).toMatchObject({ epochs: 3, stopped: true });

      const state = join(dir, 'run/checkpoints/epoch-0003');
      expect(JSON.parse(await readFile(join(state, 'state.json'), 'utf8'))).toMatchObject({
        epoch: 3,
        step: 0,
        updates: 3,
      });
      const tensors = async (path: string, which?: string) => (await openCheckpoint(path, { which })).tensors;
      for (const [file, which] of [
        ['model', 'model'],
        ['ema', 'ema'],
      ] as const) {
        const ours = await tensors(join(state, `${file}.safetensors`));
        for (const [name, { data }] of await tensors(FILE, which))
          if (!name.endsWith('num_batches_tracked')) expect(ours.get(name)!.data, name).toEqual(data);
      }
      const moments = await tensors(join(state, 'optimizer.safetensors'));
      const { model } = await loadModel({ weights: FILE });
      for (const [name, saved] of Object.entries(golden().optimizer_samples))
        for (const kind of ['exp_avg', 'exp_avg_sq'] as const) {
          const spec = model.parameterSpecs.get(name)!;
          const values = toTorch(spec, moments.get(`${kind}.${name}`)!.data as Float32Array);
          saved[kind].index.forEach((index, i) =>
            expect(values[index], `${kind} of ${name}`).toBe(Math.fround(saved[kind].value[i]!)),
          );
        }
      expect(notices.join('\n')).toContain('goes on with epoch 3 after 3 updates');

      const config = mergeConfig(await readConfigFile(join(dir, 'run/config.yaml')));
      expect(config).toMatchObject({ epochs: 300, lr: 1e-3, weightDecay: 0.025, inputSize: 32 });
    });
  });
});
