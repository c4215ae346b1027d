import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { explainDisk } from './cache.js';
import { failureLine, runCommand } from './command.js';
import { withProgress, type SetupLog } from './log.js';
import type { TensorFlowHome } from './tensorflow.js';

/** The newest Node-API that tfjs-node 4.22 knows; every supported Node.js has it. */
const NAPI_VERSION = 8;

/** Where tfjs-node's loader looks for the addon. */
export function addonPath(packageFolder: string): string {
  return join(packageFolder, 'lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node');
}

function cachedAddon(packageFolder: string, tensorflowFolder: string): string {
  const manifest = readFileSync(join(packageFolder, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return join(tensorflowFolder, `tfjs-node-${version}-napi-v${NAPI_VERSION}`, 'tfjs_binding.node');
}

/** The addon of this version of tfjs-node that was built on the TensorFlow in `tensorflowFolder`, if there is one. */
export function findAddon(packageFolder: string, tensorflowFolder: string): string | undefined {
  const path = cachedAddon(packageFolder, tensorflowFolder);
  return existsSync(path) ? path : undefined;
}

/**
 * Compiles the addon of tfjs-node on `home`. Node-API is the same for all versions of Node.js, so its headers come from the package
 * `node-api-headers` and the result serves them all.
 *
 * @returns its path in the cache
 * @throws UserError with the compiler's message
 */
export async function buildAddon(
  packageFolder: string,
  home: TensorFlowHome,
  compiler: string,
  log: SetupLog,
): Promise<string> {
  const path = cachedAddon(packageFolder, home.folder);
  const folder = dirname(path);
  const headers = createRequire(import.meta.url)('node-api-headers') as { include_dir: string };
  const source = join(packageFolder, 'binding');
  const sources = (await readdir(source)).filter((name) => name.endsWith('.cc'));
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
  log.step(`compiling the addon with ${compiler}`);
  const result = await withProgress(
    log,
    () => 'compiling',
    runCommand([
      compiler,
      '-std=c++17',
      '-O2',
      '-fPIC',
      // Node.js itself provides Node-API when it loads the addon.
      ...(process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']),
      `-DNAPI_VERSION=${NAPI_VERSION}`,
      `-I${headers.include_dir}`,
      `-I${home.include}`,
      ...sources.map((name) => join(source, name)),
      ...[...home.libraries].reverse(),
      `-Wl,-rpath,${dirname(home.libraries[0]!)}`,
      '-o',
      temporary,
    ]),
  );
  if (result.code !== 0) {
    await rm(temporary, { force: true });
    throw new UserError(
      `${compiler} could not build the addon of tfjs-node: ${failureLine(result)}. It needs C++17 (GCC 8, Clang 7 or newer).`,
    );
  }
  await rename(temporary, path);
  return path;
}

/** The first C++ compiler that answers. */
export async function findCompiler(): Promise<string | undefined> {
  const candidates = [process.env.CXX, 'c++', 'g++', 'clang++'];
  for (const candidate of candidates)
    if (candidate && (await runCommand([candidate, '--version'])).code === 0) return candidate;
  return undefined;
}

export interface Placement {
  /** Puts back what was there before. */
  restore(): Promise<void>;
  /** Drops what was there before. */
  forget(): Promise<void>;
}

/** Puts the addon where tfjs-node's loader looks, in one rename: processes that have the earlier one loaded keep it. */
export async function placeAddon(addon: string, packageFolder: string): Promise<Placement> {
  const path = addonPath(packageFolder);
  const unique = randomBytes(6).toString('hex');
  const temporary = `${path}.${unique}.tmp`;
  const earlier = `${path}.${unique}.bak`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const replaced = existsSync(path);
    if (replaced) await copyFile(path, earlier);
    await copyFile(addon, temporary);
    await chmod(temporary, 0o755);
    await rename(temporary, path);
    return {
      restore: () => (replaced ? rename(earlier, path) : rm(path, { force: true })),
      forget: () => rm(earlier, { force: true }),
    };
  } catch (error) {
    await rm(temporary, { force: true });
    await rm(earlier, { force: true });
    throw explainPackage(error, packageFolder);
  }
}

/** The package belongs to somebody else (a global installation by root). */
function explainPackage(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new UserError(
      `${folder}: no permission to write there. Run \`recnext setup\` as who installed it.`,
      {
        cause: error,
      },
    );
  return explainDisk(error, folder);
}
