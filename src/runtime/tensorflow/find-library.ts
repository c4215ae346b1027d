import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { loadedLibraries } from '../loaded-libraries.js';
import { findNodePackage } from '../setup/node-package.js';
import { thisPlatform, wheelTarget, type Variant } from '../setup/platform.js';
import { findTensorFlow, type TensorFlowHome } from '../setup/tensorflow.js';

/** libtensorflow on this machine. */
export interface TensorFlowFiles {
  /** In the order of loading; the last one has the C API. */
  libraries: readonly string[];
  /** The wheel's folder in the cache, which has headers too; undefined for what tfjs-node-gpu downloaded. */
  home?: TensorFlowHome;
}

/** What tfjs-node-gpu's installer leaves in `deps/lib`. */
const DOWNLOADED: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['libtensorflow_framework.so.2', 'libtensorflow.so.2'],
  darwin: ['libtensorflow_framework.2.dylib', 'libtensorflow.2.dylib'],
  win32: ['tensorflow.dll'],
};

/**
 * libtensorflow on this machine: the one that this process has loaded already (two do not get on), the wheel's in the cache, the one
 * that tfjs-node-gpu downloaded.
 *
 * @param prefer which wheel to take when both are there
 * @throws UserError when there is none
 */
export async function findTensorFlowFiles(prefer: Variant): Promise<TensorFlowFiles> {
  const candidates = [...(await wheels(prefer)), ...downloaded()];
  const loaded = loadedLibraries().filter((path) =>
    /tensorflow(_cc|_framework)?[.\d]*\.(so|dylib|dll)/.test(path),
  );
  const found =
    candidates.find(({ libraries }) => loaded.includes(libraries.at(-1)!)) ??
    besideLoaded(loaded) ??
    candidates[0];
  if (found === undefined)
    throw new UserError(
      'the tensorflow engine is not available: there is no libtensorflow here. `recnext setup` brings it.',
    );
  return found;
}

async function wheels(prefer: Variant): Promise<TensorFlowFiles[]> {
  const found: TensorFlowFiles[] = [];
  for (const variant of prefer === 'cuda' ? (['cuda', 'cpu'] as const) : (['cpu', 'cuda'] as const)) {
    const platform = wheelTarget(thisPlatform(), variant);
    const home = 'target' in platform ? await findTensorFlow(platform.target, variant) : undefined;
    if (home !== undefined) found.push({ libraries: home.libraries, home });
  }
  return found;
}

function downloaded(): TensorFlowFiles[] {
  const folder = findNodePackage();
  if (folder === undefined) return [];
  const libraries = (DOWNLOADED[process.platform] ?? []).map((name) => join(folder, 'deps', 'lib', name));
  return libraries.length > 0 && libraries.every((path) => existsSync(path)) ? [{ libraries }] : [];
}

/** A libtensorflow of unknown origin: the addon of tfjs-node was built on it by hand. */
function besideLoaded(loaded: readonly string[]): TensorFlowFiles | undefined {
  const main = loaded.find((path) => !path.includes('_framework'));
  if (main === undefined) return undefined;
  const framework = loaded.find((path) => path.includes('_framework') && dirname(path) === dirname(main));
  return { libraries: framework === undefined ? [main] : [framework, main] };
}
