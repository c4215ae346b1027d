/**
 * Does a teacher help? The same student with few labelled images, alone and with a teacher that saw all of them, on the digits in this repository:
 *
 *     npm run build && node bench/distil.mjs [--per-class 5] [--epochs 120] [--batch 50] [--seeds 3] [--types none,hard,soft] [--mixup 0.8] [--tau 2]
 *       [--teacher-weights DIR]
 *
 * The teacher (recnext_m0) is trained on all 1,437 training images, or its weights are given. The students (recnext_m0) get `per-class` images of each class, other ones with each seed, and
 * have everything in common: images, order, augmentation, steps, rates, starting weights. They are scored once, at the end, by their moving average on the 360
 * validation images: no epoch is chosen by its score. The table has top-1 by seed, their mean and standard deviation.
 */
import { parseArgs } from 'node:util';

const TRAIN = 'data/digits/train-{000000..000002}.tar.gz';
const VAL = 'data/digits/val-000000.tar.gz';
const load = (path) => import(`../dist/src/${path}`);

const { values: options } = parseArgs({
  options: {
    'per-class': { type: 'string', default: '5' },
    epochs: { type: 'string', default: '120' },
    batch: { type: 'string', default: '50' },
    seeds: { type: 'string', default: '3' },
    types: { type: 'string', default: 'none,hard,soft' },
    mixup: { type: 'string', default: '0.8' },
    tau: { type: 'string', default: '2' },
    alpha: { type: 'string', default: '0.5' },
    lr: { type: 'string', default: '0.016' },
    teacher: { type: 'string', default: 'recnext_m0' },
    'teacher-weights': { type: 'string' },
    student: { type: 'string', default: 'recnext_m0' },
  },
});

const { selectBackend } = await load('runtime/backend.js');
const { resolveEngine } = await load('runtime/engines/choose.js');
const { openEngine } = await load('runtime/engines/open.js');
const { evaluate } = await load('eval/evaluate.js');
const { buildModel, replaceBatchnorm } = await load('models/index.js');
const { closeWorkers, openDataset, permutation, RandomStream } = await load('data/index.js');
const { subset } = await load('train/hold-out.js');
const { flagLayer, mergeConfig } = await load('train/load-config.js');
const { readPreset } = await load('train/presets.js');
const { learningRate } = await load('train/schedule.js');
const { liveOutputs } = await load('train/teacher/outputs.js');
const { createLoaders } = await load('train/train-data.js');
const { loadModel } = await load('convert/load-weights.js');
const { createTraining } = await load('train/training.js');

const NAMES = { none: 'alone', hard: 'with the teacher, hard', soft: 'with the teacher, soft' };
const [perClass, batchSize, epochs, seeds] = ['per-class', 'batch', 'epochs', 'seeds'].map((key) =>
  Number(options[key]),
);
const [lr, mixup, distillationTau, distillationAlpha] = ['lr', 'mixup', 'tau', 'alpha'].map((key) =>
  Number(options[key]),
);
const types = options.types.split(',');

await selectBackend('cpu');
const engine = await resolveEngine('tensorflow', 'training', {});
const preset = await readPreset('cpu-small');
const all = await openDataset(TRAIN, { split: 'train' });
const val = await openDataset(VAL, { split: 'val' });
const started = performance.now();

const teacher = await (options['teacher-weights']
  ? given(options['teacher-weights'])
  : train({ model: options.teacher, epochs: 8, seed: 0 }, all));
console.log(`teacher ${options.teacher}, ${all.length} images: top-1 ${percent(teacher.top1)}`);
const teacherEngine = await openEngine(replaceBatchnorm(teacher.model), engine);

const scores = new Map(types.map((type) => [type, []]));
for (let seed = 0; seed < seeds; seed++)
  for (const distillationType of types) {
    const config = { model: options.student, batchSize, epochs, lr, mixup, seed };
    const distillation = { distillationType, distillationTau, distillationAlpha, teacherPath: 'teacher' };
    const { top1 } = await train({ ...config, ...distillation }, fewOf(all, seed), distillationType);
    scores.get(distillationType).push(top1);
    console.log(`seed ${seed}, ${NAMES[distillationType]}: ${percent(top1)}`);
  }
console.log(
  `\n${options.student}, ${perClass} images a class, ${epochs} epochs in batches of ${batchSize}, Mixup ${mixup}, tau ${distillationTau}`,
);
for (const [type, list] of scores)
  console.log(
    `${NAMES[type].padEnd(24)}${list.map(percent).join('  ')}   mean ${percent(mean(list))}, deviation ${deviation(list).toFixed(2)}`,
  );
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
await closeWorkers();
// TensorFlow's threads need no goodbye.
process.exit();

/** Trains a model; gives it with its averaged weights, and their top-1 on the validation images. */
async function train(flags, images, type = 'none') {
  const config = mergeConfig(
    preset,
    flagLayer({ data: TRAIN, hflip: 0, warmupEpochs: 1, distillationType: 'none', ...flags }),
  );
  const distillation = type !== 'none';
  const model = buildModel(config.model, {
    numClasses: 10,
    imgSize: config.inputSize,
    seed: config.seed,
    distillation,
    dropPath: 0,
  });
  const loaders = createLoaders(config, model.dataConfig, images, val);
  const outputs = distillation
    ? liveOutputs({ logits: (pixels, shape) => teacherEngine.logits(pixels, shape), dispose() {} }, type)
    : undefined;
  const training = createTraining({ config, model, teacher: outputs, train: loaders.train, engine });
  const { runner, toBatch, ema } = training;
  for (let epoch = 0; epoch < config.epochs; epoch++) {
    const rate = learningRate({ ...config, globalBatchSize: config.batchSize }, epoch);
    let step = 0;
    for await (const batch of loaders.train.epoch(epoch)) {
      await runner.update([await toBatch(batch, { seed: config.seed, epoch, step: step++ })], rate);
      batch.release();
    }
  }
  const { top1 } = await runner.evaluating('ema', (evaluated) => evaluate(evaluated, loaders.val));
  const average = await ema.withAverage(() => Promise.resolve(model.stateDict()));
  model.loadStateDict(average);
  training.dispose();
  return { model, top1 };
}

/** A teacher from its weights. */
async function given(weights) {
  const { model } = await loadModel({ weights });
  const evaluated = await openEngine(model, engine);
  const config = mergeConfig(preset, flagLayer({ model: options.teacher, data: TRAIN }));
  const loaders = createLoaders(config, model.dataConfig, all, val);
  return { model, top1: (await evaluate(evaluated, loaders.val)).top1 };
}

/** The first images of each class, in an order drawn from the seed. */
function fewOf(data, seed) {
  const order = permutation(data.length, new RandomStream({ seed, epoch: 0, index: 0 }, 'shuffle'));
  const counts = new Map();
  const taken = Array.from(order).filter((index) => {
    const count = (counts.get(data.label(index)) ?? 0) + 1;
    counts.set(data.label(index), count);
    return count <= perClass;
  });
  return subset(
    data,
    taken.sort((a, b) => a - b),
    'train',
  );
}

function percent(value) {
  return `${value.toFixed(2)} %`;
}

function mean(list) {
  return list.reduce((sum, value) => sum + value, 0) / list.length;
}

function deviation(list) {
  return Math.sqrt(
    list.reduce((sum, value) => sum + (value - mean(list)) ** 2, 0) / Math.max(1, list.length - 1),
  );
}
