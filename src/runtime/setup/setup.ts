import { UserError } from '../../errors.js';
import { missingDriver, whyNoGpu } from '../gpu.js';
import { probeBackend, type Probe, type TensorFlowLibrary } from '../probe.js';
import { buildAddon, findAddon, findCompiler, placeAddon } from './addon.js';
import { withCacheLock } from './cache.js';
import type { SetupLog } from './log.js';
import { ensureNodePackage } from './node-package.js';
import { findPip } from './pip.js';
import { thisPlatform, wheelTarget, type Variant, type WheelTarget } from './platform.js';
import { buildOpLibrary, type OpLibrary } from './op-library.js';
import { fetchTensorFlow, findTensorFlow } from './tensorflow.js';

export interface SetupOptions {
  /** TensorFlow with CUDA, and success only when it computes on a GPU. */
  gpu?: boolean;
  log: SetupLog;
}

export type SetupResult = {
  /** Whether anything was installed. */
  changed: boolean;
} & (
  | {
      native: true;
      tensorflow: TensorFlowLibrary | undefined;
      gpu: boolean;
      /** Our own operations: their library, or why there is none. Nothing needs them: they make training faster. */
      operations: OpLibrary;
    }
  /** Why the native part is not there, and how to get it: one or two sentences. */
  | { native: false; problem: string }
);

/**
 * Makes the node backend work: takes what is there, else brings tfjs-node-gpu, TensorFlow from its wheel and an addon built on it,
 * and tries them in a process of their own. What fails is told, never thrown, and leaves everything as it was: wasm works without.
 */
export async function setup({ gpu = false, log }: SetupOptions): Promise<SetupResult> {
  const variant: Variant = gpu ? 'cuda' : 'cpu';
  const before = await probe(gpu);
  if (before.available && (!gpu || before.gpu === true)) return working(false, before, variant, log);
  try {
    // Before several GB are fetched in vain.
    const driver = gpu ? missingDriver() : undefined;
    if (driver !== undefined) throw new UserError(`no working GPU: ${driver}. Install the driver first.`);
    const platform = wheelTarget(thisPlatform(), variant);
    if ('unsupported' in platform) throw new UserError(`${platform.unsupported}.`);
    return await withCacheLock(log, async () => {
      const packageFolder = await ensureNodePackage(log);
      const addon = await ensureAddon(packageFolder, platform.target, variant, log);
      const undo = await placeAddon(addon, packageFolder);
      log.step('trying it: starting TensorFlow and multiplying two matrices');
      const after = await probe(gpu);
      if (after.available && (!gpu || after.gpu === true)) {
        await undo.forget();
        return working(true, after, variant, log);
      }
      await undo.restore();
      throw new UserError(
        after.available
          ? `TensorFlow finds no GPU: ${await whyNoGpu(after)}.`
          : `the addon was built and does not work: ${after.reason}`,
      );
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { changed: false, native: false, problem: error.message };
  }
}

/** The addon in the cache; what it is made of is fetched and built when it is not there. */
async function ensureAddon(
  packageFolder: string,
  target: WheelTarget,
  variant: Variant,
  log: SetupLog,
): Promise<string> {
  const there = await findTensorFlow(target, variant);
  const built = there && findAddon(packageFolder, there.folder);
  if (built !== undefined) return built;
  // Both before 270 MB are fetched in vain, and both in one message.
  const pip = there === undefined ? await findPip() : undefined;
  const compiler = await findCompiler();
  const missing = [
    ...(there === undefined && pip === undefined ? [MISSING_PIP] : []),
    ...(compiler === undefined ? [MISSING_COMPILER] : []),
  ];
  if (missing.length > 0) throw new UserError(missing.join(' '));
  const home = there ?? (await fetchTensorFlow(target, variant, pip!, log));
  return buildAddon(packageFolder, home, compiler!, log);
}

const MISSING_PIP =
  'pip is missing, which fetches TensorFlow from PyPI: install Python with pip ' +
  '(Debian and Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; macOS: xcode-select --install).';

const MISSING_COMPILER =
  'A C++ compiler is missing, which builds the addon: install one ' +
  '(Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install).';

const probe = (gpu: boolean): Promise<Probe> => probeBackend('node', gpu ? 'gpu' : 'cpu');

async function working(
  changed: boolean,
  found: Probe & { available: true },
  variant: Variant,
  log: SetupLog,
): Promise<SetupResult> {
  const operations = await ensureOperations(variant, log);
  return { changed, native: true, tensorflow: found.tensorflow, gpu: found.gpu === true, operations };
}

/** Our own operations, built when that can be done. Never throws: everything works without them. */
async function ensureOperations(variant: Variant, log: SetupLog): Promise<OpLibrary> {
  const platform = wheelTarget(thisPlatform(), variant);
  const home = 'target' in platform ? await findTensorFlow(platform.target, variant) : undefined;
  if (home === undefined)
    return { reason: 'their headers come with the TensorFlow from PyPI, and another one is in use' };
  const compiler = await findCompiler();
  if (compiler === undefined) return { reason: 'there is no C++ compiler' };
  try {
    return { path: await buildOpLibrary(home, compiler, log) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { reason: error.message.replace(/\.$/, '') };
  }
}
