/**
 * Times a training step or the inference of a batch, in turns: ours compiled, with and without our own operations; eager TF.js on tfjs-node (stock: with its own operations
 * only) and on wasm; onnxruntime on our export and on PyTorch's; PyTorch (bench/pytorch). What `recnext bench` measures with, and its rivals beside it.
 *
 *     npm run build && node bench/throughput.mjs [--mode train|infer] [--model recnext_m1] [--batch 16] [--rounds 7] [--python PATH] [--no-eager]
 *
 * Prints images per second (median, quartiles, best), processor time, peak memory, and the ratio of medians to PyTorch in channels_last, or to onnxruntime on PyTorch's
 * export where the Python has onnx and onnxscript. One process for each peer: two copies of a native library share nothing. The threads of PyTorch and of onnxruntime spin
 * while they wait: on a busy machine that takes time from the others and from themselves; GOMP_SPINCOUNT=0 stops PyTorch's.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';

const load = (name) => import(new URL(`../dist/src/bench/${name}.js`, import.meta.url).href);
const { inTurns } = await load('peer');
const { SettingPeer } = await load('setting-peer');
const { median, quantile } = await load('statistics');

const { values: options } = parseArgs({
  options: {
    mode: { type: 'string', default: 'train' },
    model: { type: 'string', default: 'recnext_m1' },
    batch: { type: 'string', default: '16' },
    size: { type: 'string', default: '224' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '0.5' },
    python: { type: 'string', default: process.env.RECNEXT_TORCH_PYTHON ?? '' },
    eager: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const { mode, model, rounds, seconds } = options;
const [batchSize, inputSize] = [Number(options.batch), Number(options.size)];
const infer = mode === 'infer';
const WARM_UP = 3;
const DIRECT = "onnxruntime, PyTorch's export";

const peers = new Map([
  ...(options.eager ? [['tfjs-node, stock', stock()]] : []),
  ...(options.eager ? [['tfjs-node, eager', ours({ engine: 'eager', backend: 'node' })]] : []),
  ...(options.eager && infer ? [['tfjs-wasm', ours({ engine: 'eager', backend: 'wasm' })]] : []),
  ['compiled', ours({ engine: 'tensorflow' }, true)],
  ['compiled, own operations', ours({ engine: 'tensorflow' })],
  ...(infer ? [['compiled, bfloat16', ours({ engine: 'tensorflow', amp: 'bfloat16' })]] : []),
  ...(infer ? [['onnx', ours({ engine: 'onnx' })]] : []),
  ...(infer ? onnxruntime() : []),
  ...(options.python
    ? ['default', 'channels_last'].map((layout) => [`PyTorch ${layout}`, pytorch(layout)])
    : []),
]);
for (const [name, peer] of peers) {
  const opened = await peer.open?.();
  if (name === 'compiled, own operations' && !opened.facts.ownOperations)
    throw new Error('our own operations are not built: recnext setup');
  for (let run = 0; run < WARM_UP; run++) await peer.run(0);
}
const times = await inTurns(peers, { rounds: Number(rounds), seconds: Number(seconds) });
/** What the others are compared with. */
const rival = times.has(DIRECT) ? DIRECT : 'PyTorch channels_last';
const base = times.get(rival);

const table = new Table({
  head: ['', 'images/s', 'quartiles', 'best', 'processor s', 'peak MB', `of ${rival}`],
  style: { head: [], border: [], compact: true },
  colAligns: ['left', ...Array(6).fill('right')],
});
for (const [name, runs] of times) {
  const ms = runs.map((run) => run.ms);
  const rate = (one) => ((1000 * batchSize) / one).toFixed(1);
  table.push([
    name,
    rate(median(ms)),
    `${rate(quantile(ms, 0.75))} – ${rate(quantile(ms, 0.25))}`,
    rate(Math.min(...ms)),
    (median(runs.map((run) => run.cpuMs)) / 1000).toFixed(2),
    peers.get(name).peakBytes ? (peers.get(name).peakBytes / 1e6).toFixed(0) : '',
    base === undefined ? '' : `${(median(base.map((run) => run.ms)) / median(ms)).toFixed(2)} x`,
  ]);
}
const loads = readFileSync('/proc/loadavg', 'utf8').slice(0, 14);
console.log(`${mode}, ${model}, ${inputSize} px, batch ${batchSize}, load ${loads}`);
console.log(table.toString());
process.exit();

function ours(compute, stockOperations = false) {
  return SettingPeer.start({
    classifier: { model, randomWeights: true, fuse: infer, inputSize, seed: 1 },
    mode,
    batchSize,
    compute: { backend: 'auto', ...compute },
    stockOperations,
    // As the PyTorch side: the distillation head learns from given classes.
    distil: !infer,
  });
}

/** Eager TF.js with its own operations only. */
function stock() {
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `${before ?? ''} --import ${new URL('stock-kernels.mjs', import.meta.url).href}`;
  const peer = ours({ engine: 'eager', backend: 'node' });
  if (before === undefined) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = before;
  return peer;
}

function pytorch(layout) {
  const script = fileURLToPath(new URL('pytorch/throughput.py', import.meta.url));
  return onRequest([options.python, script], `${mode} ${model} ${batchSize} ${inputSize} ${layout} float32`);
}

/** onnxruntime used directly, on what PyTorch exports: where that Python can. */
function onnxruntime() {
  if (options.python === '') return [];
  const file = join(mkdtempSync(join(tmpdir(), 'recnext-bench-')), 'model.onnx');
  const script = fileURLToPath(new URL('pytorch/export.py', import.meta.url));
  const { status, stderr } = spawnSync(options.python, [script, model, batchSize, inputSize, file]);
  if (status !== 0) {
    console.error(`PyTorch exports no ONNX here: ${`${stderr}`.trim().split('\n').at(-1)}`);
    return [];
  }
  const direct = fileURLToPath(new URL('onnx-direct.mjs', import.meta.url));
  const shape = `${batchSize},3,${inputSize},${inputSize}`;
  return [[DIRECT, onRequest([process.execPath, direct, file, shape], 'run')]];
}

/** A program that makes a run for every line it reads, and answers with its times. */
function onRequest([program, ...args], line) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(seconds) {
      const runs = [];
      const end = performance.now() + 1000 * seconds;
      do {
        child.stdin.write(`${line}\n`);
        const { seconds: took, cpuSeconds } = JSON.parse((await lines.next()).value);
        runs.push({ ms: 1000 * took, cpuMs: 1000 * cpuSeconds });
      } while (performance.now() < end);
      return runs;
    },
  };
}
