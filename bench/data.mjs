/**
 * Times one core's work on a picture, from the file's bytes to the normalised tensor, against Pillow with timm's transforms:
 *
 *     npm run build && node bench/data.mjs [--python /path/to/python] [--images 64] [--rounds 9]
 *
 * The pictures are 500x375 JPEGs (quality 90, 4:2:0) made here of smooth shapes with noise, of about ImageNet's size in bytes. Our worker
 * (in this process, decoding by sharp, then by TurboJPEG) and Python (one thread, torch, torchvision and timm installed) take turns, round
 * by round; the table has the medians of milliseconds of processor time a picture (all threads; other programs don't count), and how many
 * times as fast as Python each is.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { decodeImageNow } from '../dist/src/data/decode.js';
import { decodeImage, evalTransform, trainTransform } from '../dist/src/data/index.js';
import { inOneScope } from '../dist/src/data/simd/instance.js';
import { photograph } from './photograph.mjs';
import { median } from '../dist/src/bench/statistics.js';

// As in worker threads.
sharp.concurrency(1);
sharp.cache(false);

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    images: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '9' },
  },
});
const count = Number(values.images);
const rounds = Number(values.rounds);

const config = {
  inputSize: [3, 224, 224],
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  interpolation: 'bicubic',
  cropPct: 0.875,
  cropMode: 'center',
};
const transforms = {
  decode: undefined,
  eval: evalTransform(config),
  train: trainTransform({ ...config, aa: 'rand-m9-mstd0.5-inc1', reprob: 0.25 }),
};

const files = await Promise.all(Array.from({ length: count }, (_, i) => photograph(i)));
const folder = await mkdtemp(join(tmpdir(), 'recnext-bench-'));
try {
  await Promise.all(files.map((bytes, i) => writeFile(join(folder, `${i}.jpg`), bytes)));
  await run();
} finally {
  await rm(folder, { recursive: true });
}

async function run() {
  const size = files.reduce((sum, file) => sum + file.length, 0) / count / 1024;
  console.log(`${count} pictures of 500x375, ${size.toFixed(0)} KiB on average; ${rounds} rounds`);
  const peer = values.python && (await startPython(values.python));
  const runners = {
    sharp: (kind, round) => ours(kind, round, 'sharp'),
    turbojpeg: (kind, round) => ours(kind, round, 'turbojpeg'),
    ...(peer && { python: (kind) => peer.time(kind) }),
  };
  const times = {};
  for (let round = 0; round < rounds + 1; round++)
    for (const kind of Object.keys(transforms))
      for (const [name, time] of Object.entries(runners)) {
        const ms = await time(kind, round);
        // The first round warms up.
        if (round > 0) ((times[kind] ??= {})[name] ??= []).push(ms);
      }
  peer?.stop();
  for (const [kind, byRunner] of Object.entries(times)) {
    const medians = Object.fromEntries(Object.entries(byRunner).map(([name, list]) => [name, median(list)]));
    const cells = Object.entries(medians).map(([name, ms]) => {
      const ratio = medians.python && name !== 'python' ? ` (${(medians.python / ms).toFixed(2)} x)` : '';
      return `${name} ${ms.toFixed(2)} ms${ratio}`;
    });
    console.log(`${kind.padEnd(6)} ${cells.join('   ')}`);
  }
}

/** Milliseconds of processor time a picture. */
async function ours(kind, epoch, jpeg) {
  const transform = transforms[kind];
  const out = new Float32Array(224 * 224 * 3);
  const start = process.cpuUsage();
  for (const [index, bytes] of files.entries()) {
    const finish = (image) => transform?.write(image, { seed: 0, epoch, index }, out, 0);
    // As a worker thread does it.
    const isDone =
      jpeg === 'turbojpeg' &&
      inOneScope(() => {
        const image = decodeImageNow(bytes);
        if (image) finish(image);
        return image !== undefined;
      });
    if (!isDone) finish(await decodeImage(bytes, `${index}.jpg`, { jpeg }));
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000 / count;
}

/** A process that times what its stdin names, one line each, with `> ` before each answer: what libraries print of their own is none. */
async function startPython(python) {
  const script = fileURLToPath(new URL('pytorch/data.py', import.meta.url));
  const child = spawn(python, [script, folder, String(count)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${python} ended: see above`);
      if (value.startsWith('> ')) return value.slice(2);
    }
  };
  console.log(`python: ${await answer()}`);
  return {
    async time(kind) {
      child.stdin.write(`${kind}\n`);
      return Number(await answer());
    },
    stop: () => child.stdin.end(),
  };
}
