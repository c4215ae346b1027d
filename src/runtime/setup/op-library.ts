import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { cpuInfo } from '../cpu-info.js';
import { explainDisk } from './cache.js';
import { failureLine, runCommand } from './command.js';
import { withProgress, type SetupLog } from './log.js';
import { ownPackageFolder } from './node-package.js';
import { TENSORFLOW_VERSION } from './platform.js';
import type { TensorFlowHome } from './tensorflow.js';

/** The library of our own operations (`native/`), or why it is not there, in one line without a final stop. */
export type OpLibrary = { path: string } | { reason: string };

const sourceFolder = (): string => join(ownPackageFolder(), 'native');

const EXTENSION: Partial<Record<NodeJS.Platform, string>> = { darwin: 'dylib', win32: 'dll' };

/** What decides about speed and results. No `-ffast-math`: NaN and infinity must stay what they are. */
function flags(): string[] {
  return [
    '-std=c++17',
    '-O3',
    process.arch === 'arm64' ? '-mcpu=native' : '-march=native',
    '-ffp-contract=fast',
    '-fno-math-errno',
    '-fPIC',
    '-fvisibility=hidden',
    // The C API's headers otherwise include some of TensorFlow's own.
    '-DIS_SLIM_BUILD',
    '-Wno-psabi',
    '-pthread',
    // TensorFlow itself provides its functions when it loads the library.
    ...(process.platform === 'darwin' ? ['-dynamiclib', '-undefined', 'dynamic_lookup'] : ['-shared']),
  ];
}

/** Everything that the library is made of and for: another processor, TensorFlow or source makes another one. */
function fingerprint(): string {
  const hash = createHash('sha256');
  const folder = sourceFolder();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort())
    if (/\.(cc|h)$/.test(name)) hash.update(name).update(readFileSync(join(folder, name)));
  const { model, instructions } = cpuInfo();
  hash.update(
    JSON.stringify([TENSORFLOW_VERSION, process.platform, process.arch, model, instructions, flags()]),
  );
  return hash.digest('hex').slice(0, 16);
}

/** Where the library of operations for this machine is, or would be. */
export function opLibraryPath(home: TensorFlowHome): string {
  const extension = EXTENSION[process.platform] ?? 'so';
  return join(home.folder, 'operations', `librecnext-${fingerprint()}.${extension}`);
}

/**
 * Compiles the operations in `native/` against the C API of `home`, unless that was done.
 *
 * @returns the library's path
 * @throws UserError with the compiler's message
 */
export async function buildOpLibrary(home: TensorFlowHome, compiler: string, log: SetupLog): Promise<string> {
  const path = opLibraryPath(home);
  if (existsSync(path)) {
    await markUsed(path);
    return path;
  }
  const folder = dirname(path);
  const source = sourceFolder();
  const sources = (await readdir(source)).filter((name) => name.endsWith('.cc')).sort();
  const temporary = join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
  log.step(`compiling operations for this processor with ${compiler}`);
  try {
    await mkdir(folder, { recursive: true });
    const result = await withProgress(
      log,
      () => 'compiling',
      runCommand([
        compiler,
        ...flags(),
        `-I${source}`,
        `-I${home.include}`,
        ...sources.map((name) => join(source, name)),
        '-o',
        temporary,
      ]),
    );
    if (result.code !== 0)
      throw new UserError(`${compiler} could not build the operations of recnext: ${failureLine(result)}.`);
    await rename(temporary, path);
    await removeUnused(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainDisk(error, folder);
  }
  return path;
}

/** Other versions of recnext on this machine have libraries of their own in the same folder. */
const UNUSED_AFTER_MS = 30 * 24 * 3600 * 1000;

async function markUsed(path: string): Promise<void> {
  const now = new Date();
  // A cache that belongs to somebody else is read all the same.
  await utimes(path, now, now).catch(() => undefined);
}

/** Takes away libraries that no setup has asked for in a month. Who has one loaded keeps it. */
async function removeUnused(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith('librecnext-')) continue;
    const path = join(folder, name);
    const used = await stat(path).catch(() => undefined);
    if (used !== undefined && Date.now() - used.mtimeMs > UNUSED_AFTER_MS) await rm(path, { force: true });
  }
}
