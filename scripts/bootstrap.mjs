/*
 * Makes a fresh clone ready: packages, build, native parts. Plain Node.js without dependencies, as there are none yet. What is done is
 * not done again: a second call only looks.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 9];
const STAMP = join(ROOT, 'node_modules', '.cache', 'recnext', 'bootstrap.json');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const ADDON = join(ROOT, 'node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node');

const say = (line) => process.stderr.write(`[recnext] ${line}\n`);

class BootstrapError extends Error {}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]))
    throw new BootstrapError(
      `Node.js ${OLDEST_NODE.join('.')} or newer is needed, found ${process.versions.node}. Install a current one (https://nodejs.org).`,
    );
}

/** Runs a program with its stdout on our stderr: stdout belongs to the command that comes after. */
function run(what, program, args, stdout = 2) {
  const result = spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', stdout, 2], encoding: 'utf8' });
  if (result.error)
    throw new BootstrapError(`${what}: ${program} cannot be started (${result.error.message}).`);
  if (result.status !== 0)
    throw new BootstrapError(`${what} failed (${result.signal ?? `exit code ${result.status}`}); see above.`);
  return result.stdout;
}

/** npm by its own script where that is known: on Windows `npm` is a batch file, which cannot be run without a shell. */
function npm(what, ...args) {
  const beside = join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const script = process.env.npm_execpath?.endsWith('npm-cli.js') ? process.env.npm_execpath : beside;
  if (existsSync(script)) run(what, process.execPath, [script, ...args]);
  else run(what, 'npm', args);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether node_modules holds what package-lock.json asks for. Optional packages may be missing: npm drops those that do not install. */
function packagesMatch() {
  const wanted = readJson(join(ROOT, 'package-lock.json'))?.packages;
  const installed = readJson(join(ROOT, 'node_modules', '.package-lock.json'))?.packages;
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    const found = installed[path];
    if (found === undefined) return optional === true;
    return found.version === version && (optional === true || existsSync(join(ROOT, path, 'package.json')));
  });
}

/** Digest of all that the build reads. */
function sourcesDigest() {
  const hash = createHash('sha256');
  const add = (path) => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else
      hash
        .update(`${relative(ROOT, path)}\0`)
        .update(readFileSync(path))
        .update('\0');
  };
  for (const name of ['cli', 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
    add(join(ROOT, name));
  return hash.digest('hex');
}

/** What the last set-up left: when any of it changes, set-up runs again. */
function nativeState(tensorflow) {
  const addon = existsSync(ADDON) ? statSync(ADDON) : undefined;
  return {
    platform: `${process.platform}-${process.arch}`,
    addon: addon === undefined ? null : `${addon.size} ${addon.mtimeMs}`,
    tensorflow: tensorflow !== undefined && existsSync(tensorflow) ? tensorflow : null,
  };
}

function bootstrap() {
  checkNode();
  if (!packagesMatch()) {
    say('installing packages (npm ci); about half a minute …');
    npm('npm ci', 'ci', '--no-audit', '--no-fund', '--loglevel=error');
  }
  const stamp = readJson(STAMP) ?? {};
  const save = () => {
    mkdirSync(dirname(STAMP), { recursive: true });
    writeFileSync(STAMP, JSON.stringify(stamp));
  };
  const sources = sourcesDigest();
  if (stamp.sources !== sources || !existsSync(MAIN)) {
    say('building (tsc) …');
    npm('the build', 'run', '--silent', 'build');
    stamp.sources = sources;
    save();
  }
  if (JSON.stringify(stamp.native) !== JSON.stringify(nativeState(stamp.native?.tensorflow ?? undefined))) {
    say('setting up TensorFlow for the node backend (recnext setup); one to two minutes the first time …');
    const report = JSON.parse(run('recnext setup', process.execPath, [MAIN, 'setup', '--json'], 'pipe'));
    stamp.native = nativeState(report.tensorflow?.path);
    save();
  } else if (stamp.native.tensorflow === null) {
    say('the node backend is not set up, wasm is used: `npm run recnext setup` tries again.');
  }
}

try {
  bootstrap();
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
