/**
 * Shows what fine-tuning gives on few images: a model that learnt the digits 0 to 4 learns 5 to 9 from a few images of each, beside the same model that begins from
 * nothing, with the same recipe and the same images, and is scored on all others.
 *
 *     npm run build && node bench/finetune.mjs [--images 30] [--seeds 3] [--model recnext_m0] [--keep FOLDER]
 *
 * Prints top-1 of both for every seed, means and spread. The seed chooses the images as well. Commands are those a user types.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { parse, stringify } from 'yaml';
import { openDataset } from '../dist/src/data/index.js';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '30' },
    seeds: { type: 'string', default: '3' },
    model: { type: 'string', default: 'recnext_m0' },
    keep: { type: 'string' },
  },
});
const perClass = Number(values.images);
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'recnext-bench-'));

/** For the run from nothing: no block has anything to keep, and the rate that `cpu-small` teaches digits with (2e-3 at a batch of 32). */
const FROM_NOTHING = { 'layer-decay': 1, lr: 3.2e-2 };

try {
  await main();
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const { digits, rest } = await split();
  const known = join(folder, 'known');
  writeFolder(
    join(known, 'train'),
    digits.filter(({ label }) => label < 5),
  );
  writeFolder(
    join(known, 'val'),
    rest.filter(({ label }) => label < 5),
  );
  const pretrained = recnext(
    'train',
    ...['--model', values.model, '--preset', 'cpu-small', '--hflip', '0'],
    ...['--data', join(known, 'train'), '--val', join(known, 'val'), '-o', join(folder, 'pretrained')],
  );
  console.log(`${values.model} on 0 to 4: ${pretrained.top1.toFixed(1)} % top-1`);

  const results = [];
  for (let seed = 0; seed < Number(values.seeds); seed++)
    results.push(compare(seed, digits, rest, pretrained));
  report(results);
}

/** Images of the embedded data: those to learn from and those to check with. */
async function split() {
  const read = async (name) => {
    const dataset = await openDataset(join(root, 'data/digits', name));
    const samples = [];
    for (let i = 0; i < dataset.length; i++)
      samples.push({ bytes: await dataset.read(i), label: dataset.label(i) });
    return samples;
  };
  return { digits: await read('train-{000000..000002}.tar.gz'), rest: await read('val-000000.tar.gz') };
}

/** Fine-tunes and trains from nothing on the same images. */
function compare(seed, digits, rest, pretrained) {
  const few = join(folder, `few-${seed}`);
  const fresh = digits.filter(({ label }) => label >= 5);
  const chosen = [5, 6, 7, 8, 9].flatMap((digit) =>
    shuffled(
      fresh.filter(({ label }) => label === digit),
      seed * 10 + digit,
    ).slice(0, perClass),
  );
  writeFolder(join(few, 'train'), chosen);
  const others = [...rest, ...digits.filter((sample) => !chosen.includes(sample))].filter(
    ({ label }) => label >= 5,
  );
  writeFolder(join(few, 'val'), others);
  const tuned = join(folder, `tuned-${seed}`);
  const recipe = ['--hflip', '0', '--seed', String(seed)];
  recnext(
    'finetune',
    few,
    '--from',
    values.model,
    '--weights',
    pretrained.checkpoint,
    ...recipe,
    '-o',
    tuned,
  );
  const config = parse(readFileSync(join(tuned, 'config.yaml'), 'utf8'));
  const recipeOnly = Object.entries(config).filter(([key]) => !['finetune', 'output-dir'].includes(key));
  const file = join(folder, `scratch-${seed}.yaml`);
  writeFileSync(file, stringify({ ...Object.fromEntries(recipeOnly), ...FROM_NOTHING }));
  const scratch = join(folder, `scratch-${seed}`);
  recnext('train', '--config', file, '-o', scratch);
  return {
    seed,
    images: chosen.length,
    checked: others.length,
    tuned: averaged(tuned),
    scratch: averaged(scratch),
  };
}

/** Top-1 of the averaged weights after the last epoch: no choice by the images that are scored. */
function averaged(run) {
  const lines = readFileSync(join(run, 'log.txt'), 'utf8').trim().split('\n');
  return JSON.parse(lines.at(-1)).test_ema_acc1;
}

function report(results) {
  const [{ images, checked }] = results;
  console.log(`5 to 9 from ${images} images, scored on ${checked} others: top-1 in percent`);
  const table = new Table({
    head: ['seed', 'fine-tuned', 'from nothing'],
    style: { head: [], border: [], compact: true },
    colAligns: ['right', 'right', 'right'],
  });
  for (const { seed, tuned, scratch } of results) table.push([seed, tuned.toFixed(1), scratch.toFixed(1)]);
  table.push(['mean', ...['tuned', 'scratch'].map((key) => spread(results.map((result) => result[key])))]);
  console.log(table.toString());
}

/** Mean ± standard deviation. */
function spread(list) {
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  const square = list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, list.length - 1);
  return `${mean.toFixed(1)} ± ${Math.sqrt(square).toFixed(1)}`;
}

function recnext(command, ...args) {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, 'dist/cli/main.js'), command, ...args, '--json', '--quiet'],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`recnext ${command} ended with ${status}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

function writeFolder(path, samples) {
  samples.forEach(({ bytes, label }, i) => {
    mkdirSync(join(path, String(label)), { recursive: true });
    writeFileSync(join(path, String(label), `${i}.png`), bytes);
  });
}

/** Fisher and Yates' shuffle with a small generator: the same for a seed. */
function shuffled(list, seed) {
  const copy = [...list];
  let state = (seed + 1) * 2654435761;
  for (let i = copy.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
