// Conversion of A5, the largest published model, beside Python: whole processes, one after the other in turn.
//
//   npm run build && RECNEXT_TORCH_PYTHON=python3 node bench/convert-a5.mjs [--runs 9]
//
//   ours    recnext convert a5.pth -o OUT --fuse --no-verify: the .pth that torch.save wrote is read, its batch norms are
//           folded, and a TF.js LayersModel is written and synced to the disk. --no-verify leaves away the comparison of the
//           written model with the one read, which needs TF.js: the Python script compares nothing either.
//   python  imports torch, loads the same file, writes its state dict with safetensors.torch.save_file (which syncs nothing).
//
// Times are wall clock from the start of the process to its end, files in the page cache; peak memory is what each process says
// of itself at its end (getrusage). Needs a Python with torch and safetensors; weights are random, of A5's names and shapes.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../dist/src/bench/statistics.js';

const { values: options } = parseArgs({ options: { runs: { type: 'string', default: '9' } } });
const dist = process.env.RECNEXT_DIST ?? fileURLToPath(new URL('../dist', import.meta.url));
const python = process.env.RECNEXT_TORCH_PYTHON ?? 'python3';
const folder = mkdtempSync(join(tmpdir(), 'recnext-bench-'));
const checkpoint = join(folder, 'a5.pth');

/** Prints the peak memory of a Node process, in KiB on Linux and macOS alike, as the last line of stderr. */
const REPORT = `data:text/javascript,process.on('exit',()=>process.stderr.write('\\n'+process.resourceUsage().maxRSS))`;

const MAKE = `
import json, sys, torch
state = {}
for name, shape, kind in json.load(sys.stdin):
    if kind == 'counter': state[name] = torch.tensor(1)
    elif name.endswith('running_var'): state[name] = torch.rand(shape) + 0.5
    else: state[name] = torch.randn(shape) * 0.02
torch.save({'model': state}, sys.argv[1])
`;
const CONVERT = `
import resource, sys, torch
from safetensors.torch import save_file
state = torch.load(sys.argv[1], map_location='cpu', weights_only=True)['model']
save_file(state, sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == 'darwin' else 1), file=sys.stderr)
`;

function run(command, args) {
  const start = performance.now();
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return { seconds, megabytes: Number(stderr.trim().split('\n').at(-1)) / 1024 };
}

const CONTENDERS = {
  ours: () => {
    const out = ['-o', join(folder, 'ours'), '--fuse', '--no-verify', '--quiet'];
    return run(process.execPath, [
      '--import',
      REPORT,
      join(dist, 'cli/main.js'),
      'convert',
      checkpoint,
      ...out,
    ]);
  },
  python: () => run(python, ['-c', CONVERT, checkpoint, join(folder, 'python')]),
};

try {
  const { modelSpec, resolveModel } = await import(join(dist, 'src/models/model-config.js'));
  const { namedWeights } = await import(join(dist, 'src/layers/spec/module-spec.js'));
  const weights = namedWeights(modelSpec(resolveModel('recnext_a5')));
  execFileSync(python, ['-c', MAKE, checkpoint], {
    input: JSON.stringify(weights.map(([name, { shape, layout }]) => [name, shape, layout])),
  });
  console.log(
    `Node.js ${process.version}; ${(statSync(checkpoint).size / 1e6).toFixed(1)} MB in ${weights.length} tensors`,
  );
  const results = { ours: [], python: [] };
  // The first of each warms the page cache and is not counted.
  for (let i = 0; i <= Number(options.runs); i++) {
    for (const [name, contend] of Object.entries(CONTENDERS)) {
      rmSync(join(folder, name), { recursive: true, force: true });
      const result = contend();
      if (i > 0) results[name].push(result);
    }
  }
  for (const [name, runs] of Object.entries(results)) {
    const seconds = runs.map((result) => result.seconds);
    console.log(
      `${name.padEnd(7)} median ${median(seconds).toFixed(3)} s (${Math.min(...seconds).toFixed(3)} to ${Math.max(...seconds).toFixed(3)}), ` +
        `peak memory ${Math.max(...runs.map((result) => result.megabytes)).toFixed(0)} MB at most`,
    );
  }
  const ratio = median(results.ours.map((r) => r.seconds)) / median(results.python.map((r) => r.seconds));
  console.log(`ours / python: ${ratio.toFixed(2)}`);
} finally {
  rmSync(folder, { recursive: true });
}
