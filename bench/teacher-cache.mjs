/**
 * An epoch of training from a teacher cache, beside one without any teacher and one with the teacher itself:
 *
 *     npm run build && node bench/teacher-cache.mjs [--model recnext_m0] [--teacher recnext_m3] [--size 224] [--batch 16] [--steps 8] [--rounds 5]
 *
 * Synthetic JPEGs of 500x375 with the whole training transform and Mixup, steps compiled for TensorFlow with our own operations where they are built. The three
 * take turns, round by round, an epoch each; the table has medians of images per second, and medians of the ratios of an epoch's time, and of its processor time
 * (steadier on a busy machine), to those of the undistilled one of the same round. Weights are random: speed is all that is measured.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { photograph } from './photograph.mjs';
import { median } from '../dist/src/bench/statistics.js';

const FILES = 32;
const load = (path) => import(`../dist/src/${path}`);

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: 'recnext_m0' },
    teacher: { type: 'string', default: 'recnext_m3' },
    size: { type: 'string', default: '224' },
    batch: { type: 'string', default: '16' },
    steps: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '5' },
  },
});
const [size, batchSize, steps, rounds] = ['size', 'batch', 'steps', 'rounds'].map((key) =>
  Number(options[key]),
);

const { selectBackend } = await load('runtime/backend.js');
const { resolveEngine } = await load('runtime/engines/choose.js');
const { openEngine } = await load('runtime/engines/open.js');
const { buildModel, replaceBatchnorm } = await load('models/index.js');
const { createLoader, closeWorkers, shuffleSampler, trainTransform } = await load('data/index.js');
const { flagLayer, mergeConfig } = await load('train/load-config.js');
const { createTraining } = await load('train/training.js');
const { liveOutputs } = await load('train/teacher/outputs.js');
const { cachedOutputs } = await load('train/teacher/cache/cached-outputs.js');
const { TeacherCache } = await load('train/teacher/cache/teacher-cache.js');

await selectBackend('cpu');
const engine = await resolveEngine('tensorflow', 'training', {});
const folder = await mkdtemp(join(tmpdir(), 'recnext-bench-'));
try {
  for (let i = 0; i < FILES; i++) await writeFile(join(folder, `${i}.jpg`), await photograph(i));
  await compare();
} finally {
  await closeWorkers();
  await rm(folder, { recursive: true });
}

async function compare() {
  const teacherModel = replaceBatchnorm(buildModel(options.teacher, { numClasses: 1000, seed: 2 }));
  const teacherEngine = await openEngine(teacherModel, engine);
  const teacher = { logits: (images, shape) => teacherEngine.logits(images, shape), dispose() {} };
  const cache = await TeacherCache.open(join(folder, 'cache'), {
    format: { kind: 'hard', classes: 1000, topk: 1000, type: 'float32' },
    batchSize,
    batches: steps,
    identity: {},
    write: true,
    notice() {},
  });
  const settings = {
    undistilled: setting('none'),
    'from the cache': setting('hard', cachedOutputs(cache, teacher)),
    'with the teacher': setting('hard', liveOutputs(teacher, 'hard')),
  };
  const times = new Map(Object.keys(settings).map((name) => [name, []]));
  // The first round compiles, and fills the cache.
  for (let round = 0; round <= rounds; round++)
    for (const [name, epoch] of Object.entries(settings)) {
      const cost = await epoch();
      if (round > 0) times.get(name).push(cost);
    }
  console.log(
    `${options.model} at ${size}, batch ${batchSize}, ${steps} steps an epoch, teacher ${options.teacher}, ${rounds} rounds, ` +
      `${engine.opLibrary ? 'our own operations' : "TensorFlow's operations"}`,
  );
  const plain = times.get('undistilled');
  for (const [name, list] of times) {
    const speed = (steps * batchSize) / median(list.map(({ seconds }) => seconds));
    const ratio = (key) => median(list.map((cost, i) => cost[key] / plain[i][key])).toFixed(3);
    console.log(
      `${name.padEnd(18)}${speed.toFixed(1).padStart(7)} images/s   epoch ${ratio('seconds')} x   processor time ${ratio('cpu')} x`,
    );
  }
}

/** A training; gives the function that runs its next epoch and tells the seconds. Every epoch is the same one, so that the cache has it. */
function setting(distillationType, teacher) {
  const config = mergeConfig(
    flagLayer({
      model: options.model,
      data: folder,
      batchSize,
      inputSize: size,
      ...(teacher ? { teacherPath: 'teacher' } : {}),
      distillationType,
    }),
  );
  const distillation = distillationType !== 'none';
  const model = buildModel(options.model, { numClasses: 1000, seed: 1, distillation, dropPath: 0 });
  const data = {
    source: folder,
    length: batchSize * steps,
    numClasses: 1000,
    classes: undefined,
    label: (index) => (37 * index) % 1000,
    name: (index) => join(folder, `${index % FILES}.jpg`),
    read: (index) => readFile(join(folder, `${index % FILES}.jpg`)),
  };
  const loader = createLoader(data, {
    batchSize,
    transform: trainTransform({ ...config, ...model.dataConfig, inputSize: [3, size, size] }),
    sampler: shuffleSampler(data.length, 0),
    dropLast: true,
  });
  const { runner, toBatch } = createTraining({ config, model, teacher, train: loader, engine });
  return async () => {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    let step = 0;
    for await (const batch of loader.epoch(0)) {
      await runner.update([await toBatch(batch, { seed: 0, epoch: 0, step: step++ })], 1e-5);
      batch.release();
    }
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
  };
}
