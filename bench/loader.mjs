/**
 * Images per second of the loader with worker threads, against a PyTorch DataLoader with Pillow and timm's transforms:
 *
 *     npm run build && node bench/loader.mjs [--python /path/to/python] [--workers 0,1,2] [--images 512] [--rounds 7]
 *
 * The same 64 JPEGs of 500x375 (quality 90, 4:2:0), read from files over and over, in batches of 64 at 224, with the evaluation's transform and with the whole
 * training transform. Everybody keeps his workers between rounds (Python: 2, torch, torchvision and timm installed); they take turns, round by round. The
 * table has medians over the rounds of images per second (wall time) and of milliseconds of processor time an image (all threads and processes of that
 * side; steadier on a busy machine), and medians of the ratios of speed to Python within a round.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { photograph } from './photograph.mjs';
import { median } from '../dist/src/bench/statistics.js';

const FILES = 64;
const BATCH = 64;
const KINDS = ['eval', 'train'];

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    workers: { type: 'string', default: '0,1,2' },
    images: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '7' },
    serve: { type: 'string' },
  },
});
const images = Number(values.images);

await (values.serve ? serve(values.serve) : compare());

async function compare() {
  const folder = await mkdtemp(join(tmpdir(), 'recnext-bench-'));
  const peers = [];
  try {
    for (let i = 0; i < FILES; i++) await writeFile(join(folder, `${i}.jpg`), await photograph(i));
    const self = fileURLToPath(import.meta.url);
    const ours = [self, '--serve', folder, '--images', String(images)];
    const settings = [];
    for (const jpeg of ['turbojpeg', 'sharp']) {
      const peer = start(process.execPath, ours, { RECNEXT_JPEG: jpeg });
      peers.push(peer);
      for (const workers of values.workers.split(','))
        settings.push({ name: `${jpeg}, ${workers} workers`, peer, workers });
    }
    if (values.python) {
      const script = fileURLToPath(new URL('pytorch/loader.py', import.meta.url));
      const peer = start(values.python, [script, folder, String(images)]);
      peers.push(peer);
      settings.push({ name: 'python', peer, workers: 2 });
    }
    for (const peer of peers) console.log(await peer.line());
    await rounds(settings);
  } finally {
    for (const peer of peers) peer.stop();
    await rm(folder, { recursive: true });
  }
}

async function rounds(settings) {
  const speeds = new Map();
  const costs = new Map();
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const kind of KINDS)
      for (const { name, peer, workers } of settings) {
        const [speed, cost] = (await peer.ask(`${kind} ${workers}`)).split(' ').map(Number);
        // The first round warms up.
        const key = `${kind} ${name}`;
        if (round === 0) continue;
        speeds.set(key, [...(speeds.get(key) ?? []), speed]);
        costs.set(key, [...(costs.get(key) ?? []), cost]);
      }
  for (const kind of KINDS)
    for (const { name } of settings) {
      const list = speeds.get(`${kind} ${name}`);
      const cost = median(costs.get(`${kind} ${name}`))
        .toFixed(2)
        .padStart(6);
      const python = speeds.get(`${kind} python`);
      const ratio =
        python && name !== 'python'
          ? `   ${median(list.map((speed, i) => speed / python[i])).toFixed(2)} x`
          : '';
      console.log(
        `${kind.padEnd(6)}${name.padEnd(22)}${median(list).toFixed(0).padStart(6)} images/s${cost} ms of processors an image${ratio}`,
      );
    }
}

/** A process that answers lines, with `> ` before each answer. */
function start(program, args, env = {}) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  // What libraries print of their own is no answer.
  const line = async () => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${program} ended: see above`);
      if (value.startsWith('> ')) return value.slice(2);
    }
  };
  return {
    line,
    async ask(text) {
      child.stdin.write(`${text}\n`);
      return line();
    },
    stop: () => child.stdin.end(),
  };
}

/** Our side: for each `kind workers` on stdin, images per second of one epoch. */
async function serve(folder) {
  const { createLoader, evalTransform, trainTransform } = await import('../dist/src/data/index.js');
  const config = {
    inputSize: [3, 224, 224],
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    interpolation: 'bicubic',
    cropPct: 0.875,
    cropMode: 'center',
  };
  const transforms = {
    eval: evalTransform(config),
    train: trainTransform({ ...config, aa: 'rand-m9-mstd0.5-inc1', reprob: 0.25 }),
  };
  const name = (index) => join(folder, `${index % FILES}.jpg`);
  const data = {
    source: folder,
    length: images,
    numClasses: 1000,
    label: (index) => index % 1000,
    name,
    read: (index) => readFile(name(index)),
  };
  console.log(`> node ${process.versions.node}, JPEG by ${process.env.RECNEXT_JPEG}`);
  let epoch = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const [kind, workers] = line.split(' ');
    const options = {
      batchSize: BATCH,
      transform: transforms[kind],
      workers: Number(workers),
      cacheBytes: 0,
    };
    const start = performance.now();
    const before = process.cpuUsage();
    for await (const batch of createLoader(data, options).epoch(epoch++)) batch.release();
    const speed = (images * 1000) / (performance.now() - start);
    const { user, system } = process.cpuUsage(before);
    console.log(`> ${speed} ${(user + system) / 1000 / images}`);
  }
}
