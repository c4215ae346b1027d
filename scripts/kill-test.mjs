/*
 * Kills a small training run without warning at random moments, again and again, resumes it each time, and compares what it comes to with the run
 * that was never interrupted, bit by bit: `node scripts/kill-test.mjs [KILLS] [SEED]` (200, 0). Needs the development dependencies.
 */
import { build } from 'vite';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { clearTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const KILLS = Number(process.argv[2] ?? 200);
const EPOCHS = 40;
let random = Number(process.argv[3] ?? 0);

const folder = mkdtempSync(join(tmpdir(), 'recnext-kill-test-'));
// Inside the project, so that the bundle finds its packages.
const bundle = mkdtempSync(join(ROOT, 'node_modules', '.recnext-test-'));
const script = join(bundle, 'main.mjs');
const seconds = (since) => (performance.now() - since) / 1000;

/** Mulberry32: the moments of a failed test can be had again. */
function uniform() {
  random = (random + 0x6d2b79f5) | 0;
  let t = Math.imul(random ^ (random >>> 15), 1 | random);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const args = (path, mode) => [script, path, mode, '0', String(EPOCHS)];

/** Runs until it is killed after `milliseconds`; the signal or exit code it ended with. */
function runFor(path, milliseconds) {
  const mode = existsSync(join(path, 'config.yaml')) ? 'resume' : 'new';
  return new Promise((resolve, reject) => {
    let stderr = '';
    const child = spawn(process.execPath, args(path, mode), { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (text) => (stderr += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL' || code === 0) resolve(signal ?? code);
      else reject(new Error(`a resumed run ended with ${code ?? signal}:\n${stderr}`));
    });
  });
}

/** Every file that the end of a run consists of. */
function results(path) {
  const last = readdirSync(join(path, 'checkpoints')).sort().at(-1);
  return ['log.txt', 'best/model.safetensors', 'best-ema/model.safetensors']
    .concat(['model', 'ema', 'optimizer'].map((name) => `checkpoints/${last}/${name}.safetensors`))
    .concat(`checkpoints/${last}/state.json`)
    .map((file) => [file, readFileSync(join(path, file))]);
}

try {
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    build: {
      ssr: 'test/train/helpers/run-child.ts',
      outDir: bundle,
      target: 'node20',
      // package.json names the modules with side effects as they are published, in dist.
      rollupOptions: {
        treeshake: false,
        output: { entryFileNames: 'main.mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  });
  const start = performance.now();
  const whole = join(folder, 'whole');
  const uninterrupted = spawnSync(process.execPath, args(whole, 'new'), { encoding: 'utf8' });
  if (uninterrupted.status !== 0) throw new Error(uninterrupted.stderr);
  let life = 1000 * seconds(start);
  console.log(`uninterrupted: ${EPOCHS} epochs in ${(life / 1000).toFixed(1)} s`);

  let kills = 0;
  let runs = 0;
  const path = () => join(folder, `killed-${runs}`);
  for (; kills < KILLS; runs++) {
    for (let end; end !== 0 && kills < KILLS;) {
      // Short and long lives: opening the run, steps, checkpoints, validation, the last moments.
      const begun = existsSync(path());
      const birth = performance.now();
      end = await runFor(path(), life * 1.1 * uniform());
      if (end === 'SIGKILL') kills++;
      // A machine that is less busy now than at first: later kills would come after the end.
      else if (!begun) life = Math.min(life, 1000 * seconds(birth));
    }
    for (let end; end !== 0;) end = await runFor(path(), 100 * life);
    const [expected, found] = [results(whole), results(path())];
    for (const [i, [file, bytes]] of expected.entries())
      if (!bytes.equals(found[i][1]))
        throw new Error(`${path()}: ${file} differs from the uninterrupted run's`);
    rmSync(path(), { recursive: true });
    console.log(
      `${kills} kills: run ${runs + 1} ended as the uninterrupted one, ${seconds(start).toFixed(0)} s`,
    );
  }
  console.log(`${kills} kills in ${runs} runs: every one resumed, all ends equal bit by bit`);
} finally {
  for (const made of [folder, bundle]) rmSync(made, { recursive: true, force: true });
}
