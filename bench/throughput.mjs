/**
 * Times a training step or the inference of a batch: ours compiled, with and without our own operations, in eager tfjs-node, on onnxruntime, and PyTorch
 * (bench/pytorch), in turns.
 *
 *     npm run build && node bench/throughput.mjs [--mode train|infer] [--model recnext_m1] [--batch 16] [--rounds 7] [--python PATH] [--no-eager]
 *
 * Prints images per second (median, best), processor time, peak memory, and the ratio of medians to PyTorch in channels_last. One process for each peer: two copies
 * of a native library share nothing. The threads of PyTorch and of onnxruntime spin while they wait: on a busy machine that takes time from the others and from
 * themselves; GOMP_SPINCOUNT=0 stops PyTorch's.
 */
import { fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';

const { values: options } = parseArgs({
  options: {
    mode: { type: 'string', default: 'train' },
    model: { type: 'string', default: 'recnext_m1' },
    batch: { type: 'string', default: '16' },
    size: { type: 'string', default: '224' },
    rounds: { type: 'string', default: '7' },
    python: { type: 'string', default: process.env.RECNEXT_TORCH_PYTHON ?? '' },
    eager: { type: 'boolean', default: true },
    worker: { type: 'string' },
  },
  allowNegative: true,
});
const batchSize = Number(options.batch);

if (options.worker) await serve(options.worker);
else await compare();

async function compare() {
  const peers = {
    ...(options.eager && { 'tfjs-node, eager': ours('eager') }),
    compiled: ours('stock'),
    'compiled, own operations': ours('native'),
    ...(options.mode === 'infer' && { onnxruntime: ours('onnx') }),
    ...(options.python && pytorch()),
  };
  for (const step of Object.values(peers)) await step();
  const times = Object.fromEntries(Object.keys(peers).map((name) => [name, []]));
  for (let round = 0; round < Number(options.rounds); round++)
    for (const [name, step] of Object.entries(peers)) times[name].push(await step());
  const medians = Object.fromEntries(
    Object.entries(times).map(([name, steps]) => [name, median(steps.map(({ seconds }) => seconds))]),
  );
  const base = medians['PyTorch channels_last'];
  const table = new Table({
    head: ['', 'images/s', 'best', 'processor s', 'peak MB', 'of PyTorch channels_last'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const [name, steps] of Object.entries(times))
    table.push([
      name,
      (batchSize / medians[name]).toFixed(1),
      (batchSize / Math.min(...steps.map(({ seconds }) => seconds))).toFixed(1),
      median(steps.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      steps.at(-1).peakMB?.toFixed(0) ?? '',
      base === undefined ? '' : `${(base / medians[name]).toFixed(2)} x`,
    ]);
  console.log(
    `${options.model}, ${options.size} px, batch ${batchSize}, load ${readFileSync('/proc/loadavg', 'utf8').slice(0, 14)}`,
  );
  console.log(table.toString());
  process.exit();
}

/** A process of ours that makes a step whenever it is asked to. */
function ours(mode) {
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--worker', mode]);
  return () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`${mode} ended with ${code}`)));
      child.send('step');
    });
}

function pytorch() {
  const script = fileURLToPath(new URL('pytorch/throughput.py', import.meta.url));
  const peer = (layout) => {
    const child = spawn(options.python, [script], { stdio: ['pipe', 'pipe', 'ignore'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return async () => {
      child.stdin.write(`${options.mode} ${options.model} ${batchSize} ${options.size} ${layout} float32\n`);
      return JSON.parse((await lines.next()).value);
    };
  };
  return { PyTorch: peer('default'), 'PyTorch channels_last': peer('channels_last') };
}

async function serve(mode) {
  const load = (path) => import(new URL(`../dist/src/${path}`, import.meta.url).href);
  const { selectBackend } = await load('runtime/backend.js');
  const { buildModel, replaceBatchnorm } = await load('models/index.js');
  const { AdamW } = await load('train/adamw.js');
  const { ModelEma } = await load('train/ema.js');
  const { openEngine } = await load('runtime/engines/open.js');
  const { openRunner } = await load('train/open-runner.js');
  const { resolveEngine } = await load('runtime/engines/choose.js');
  const { alignedFloat32 } = await load('runtime/tensorflow/index.js');
  await selectBackend(mode === 'eager' ? 'node' : 'cpu');
  const purpose = options.mode === 'train' ? 'training' : 'inference';
  const wanted = mode === 'eager' || mode === 'onnx' ? mode : 'tensorflow';
  const { opLibrary, ...plain } = await resolveEngine(wanted, purpose, {});
  const engine = mode === 'native' ? { ...plain, opLibrary } : plain;
  if (mode === 'native' && opLibrary === undefined)
    throw new Error('our own operations are not built: recnext setup');

  const size = Number(options.size);
  const shape = [batchSize, size, size, 3];
  const images = alignedFloat32(batchSize * size * size * 3);
  for (let i = 0; i < images.length; i++) images[i] = Math.sin(i * 12.9898) * 2;
  const run = purpose === 'training' ? training() : await inference();

  function training() {
    const model = buildModel(options.model, { numClasses: 1000, seed: 1, distillation: true });
    const runner = openRunner(
      {
        model,
        optimizer: new AdamW(model.parameters, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.025 }),
        ema: new ModelEma(model, 0.9999),
        clip: { mode: 'agc', factor: 0.02 },
        distillation: { type: 'hard', alpha: 0.5, tau: 1 },
      },
      {},
      engine,
    );
    const targets = alignedFloat32(batchSize * 1000).fill(1e-4);
    for (let i = 0; i < batchSize; i++) targets[i * 1000 + ((37 * i) % 1000)] = 0.9;
    // As the PyTorch side: the distillation head learns from given classes, no teacher runs.
    const teacher = new Int32Array(batchSize);
    const batch = { images, targets, teacher, shape, at: { seed: 0, epoch: 0, step: 0 } };
    return () => runner.update([batch], 1e-3);
  }

  async function inference() {
    const model = replaceBatchnorm(buildModel(options.model, { numClasses: 1000, seed: 1 }));
    const opened = await openEngine(model, engine);
    return () => opened.logits(images, shape);
  }

  process.on('message', async () => {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await run();
    const { user, system } = process.cpuUsage(cpu);
    process.send({
      seconds: (performance.now() - start) / 1000,
      cpuSeconds: (user + system) / 1e6,
      peakMB: process.resourceUsage().maxRSS / 1024,
    });
  });
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
