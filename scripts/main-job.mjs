/*
 * The main job, on the handwritten digits in this repository: train a teacher for a moment, distil a small RecNeXt from it,
 * convert it with its batch norms folded, evaluate both forms, classify a few pictures. Every command is one a user can type,
 * every figure is measured in this run. Plain Node.js; needs the build (`npm start` sees to that).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDataset } from '../dist/src/data/index.js';
import { readLog, terminalChart, writeChart } from './learning-curve.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CLI = join(ROOT, 'dist', 'cli', 'main.js');
const TRAIN = 'data/digits/train-{000000..000002}.tar.gz';
const VAL = 'data/digits/val-000000.tar.gz';
/** Below this the job has failed: percent. */
const WANTED = 98.5;
const SAMPLES = 5;

const started = performance.now();
const runs = join('runs', `digits-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}`);
const extra = process.argv.slice(2);

process.chdir(ROOT);
if (extra.includes('--help')) {
  console.log(
    'npm start [-- OPTIONS]: the main job; OPTIONS go to every command of it, for example --backend wasm',
  );
  process.exit();
}
main().catch((error) => {
  if (!(error instanceof JobError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});

class JobError extends Error {}

/** Runs a command of the program, shows it and its progress, and gives its JSON results. */
function recnext(title, ...args) {
  console.log(`\n# ${title}\n$ npx recnext ${args.map(quote).join(' ')}`);
  const { status, signal, stdout, error } = spawnSync(process.execPath, [CLI, ...args, ...extra, '--json'], {
    stdio: ['inherit', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (error) throw error;
  if (status !== 0) throw new JobError(`recnext ${args[0]} ended with ${signal ?? `exit code ${status}`}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function quote(word) {
  return /[^\w./=:-]/.test(word) ? `'${word}'` : word;
}

function train(title, output, ...options) {
  // Small images in minutes; digits are not their mirror images.
  const recipe = ['--preset', 'cpu-small', '--hflip', '0'];
  const [result] = recnext(
    title,
    'train',
    '--model',
    'recnext_m0',
    '--data',
    TRAIN,
    '--val',
    VAL,
    ...recipe,
    ...options,
    '-o',
    output,
  );
  return result;
}

async function main() {
  mkdirSync(runs, { recursive: true });
  const teacher = join(runs, 'teacher');
  const student = join(runs, 'student');
  const web = join(runs, 'student-tfjs');
  train('A teacher, for a moment', teacher, '--epochs', '4');
  train('A student that learns from the teacher as well', student, '--teacher-path', join(teacher, 'best'));

  const weights = join(student, 'best');
  const [converted] = recnext(
    'The student as a TF.js model, batch norms folded',
    'convert',
    weights,
    '--fuse',
    '-o',
    web,
  );
  const evaluate = (from) =>
    recnext(`Accuracy of ${from}`, 'eval', '--weights', from, '--data', VAL, '--input-size', '32')[0];
  const plain = evaluate(weights);
  const fused = evaluate(web);

  const pictures = await samplePictures(join(runs, 'pictures'));
  const predictions = recnext(
    'A few pictures',
    'predict',
    ...pictures.map(({ file }) => file),
    '--weights',
    web,
    '--top-k',
    '3',
  );

  console.log('\n# Results, all measured in this run');
  predictions.forEach(({ top }, i) => {
    const names = top.map(({ label, probability }) => `${label} (${(100 * probability).toFixed(1)} %)`);
    console.log(`${pictures[i].file}: a ${pictures[i].label}, seen as ${names.join(', ')}`);
  });
  const curves = [
    { name: 'teacher', log: readLog(join(teacher, 'log.txt')) },
    { name: 'student', log: readLog(join(student, 'log.txt')) },
  ];
  const chart = join(runs, 'learning-curve.html');
  writeChart(chart, curves);
  console.log(`\n${terminalChart(curves)}\n`);
  console.log(`learning curve:  ${chart}`);
  console.log(
    `model:           ${web} (${(converted.bytes / 1e6).toFixed(1)} MB, ${converted.params.toLocaleString('en')} parameters)`,
  );
  console.log(
    `test accuracy:   ${plain.top1.toFixed(2)} % as trained, ${fused.top1.toFixed(2)} % fused, of ${plain.images} pictures`,
  );
  console.log(
    `largest logit difference through fusing: ${converted.maxRelDiff.toExponential(1)} of the largest logit`,
  );
  console.log(
    `images/s:        ${plain.imagesPerSecond.toFixed(0)} as trained, ${fused.imagesPerSecond.toFixed(0)} fused (${fused.engine === 'eager' ? fused.backend : fused.engine})`,
  );
  console.log(`time:            ${((performance.now() - started) / 1000).toFixed(0)} s`);
  if (plain.top1 !== fused.top1)
    throw new JobError(`fusing changed the accuracy from ${plain.top1} to ${fused.top1} %`);
  if (plain.top1 < WANTED)
    throw new JobError(`the student reached ${plain.top1.toFixed(2)} %, below ${WANTED} %`);
}

/** Some validation pictures as files of their own, with their labels. */
async function samplePictures(folder) {
  mkdirSync(folder, { recursive: true });
  const dataset = await openDataset(VAL);
  const step = Math.floor(dataset.length / SAMPLES);
  return Promise.all(
    Array.from({ length: SAMPLES }, async (_, i) => {
      const file = join(folder, `${i}.png`);
      writeFileSync(file, await dataset.read(i * step));
      return { file: relative('.', file), label: dataset.label(i * step) };
    }),
  );
}
