import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { UsageError, UserError } from '../errors.js';
import { BACKEND_NAMES, type BackendName } from './backend-names.js';
import { deviceName, parseDevice, type Device } from './device.js';
import { whyNoGpu } from './gpu.js';
import { loadNodeBackend } from './node-backend.js';
import { withoutCpuBanner } from './quiet.js';

export type { BackendName };

const TFJS_NAME: Record<BackendName, string> = {
  node: 'tensorflow',
  webgpu: 'webgpu',
  wasm: 'wasm',
  cpu: 'cpu',
};

/** Not a dependency: it needs a `navigator.gpu`, which Node.js has only through further packages. */
const WEBGPU_PACKAGE: string = '@tensorflow/tfjs-backend-webgpu';

export interface BackendOptions {
  /** `cpu` (default), `gpu` or `gpu:N`. Only the node backend takes a GPU; asked for and not there is an error. */
  device?: string;
  /**
   * Threads of one operation (TensorFlow's intra-op threads), node only; default: one a core. It must be given the first time the
   * node backend is selected in a process. wasm and cpu have one thread.
   */
  threads?: number;
  /** Told, with `auto`, why a better backend was passed over, and what `threads` cannot change. */
  notice?: (line: string) => void;
}

/**
 * Makes `name` the backend of this process and gives the name of what runs; `auto` takes the first of node, webgpu (where there is
 * a `navigator.gpu`), wasm and cpu that works.
 *
 * @throws UserError that says why a backend or device asked for by name is not available and what to do
 */
export async function selectBackend(
  name: BackendName | 'auto',
  options: BackendOptions = {},
): Promise<BackendName> {
  const device = options.device === undefined ? undefined : parseDevice(options.device);
  if (device?.kind === 'gpu') return selectGpu(name, device, options.threads);
  if (name !== 'auto') {
    await start(name, device, options);
    return name;
  }
  for (const candidate of BACKEND_NAMES) {
    if (candidate === 'webgpu' && !hasWebGpu()) continue;
    try {
      await start(candidate, device, options);
      return candidate;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      options.notice?.(error.message);
    }
  }
  throw new UserError('no backend of TF.js works here. `recnext doctor` says why, backend by backend.');
}

async function selectGpu(
  name: BackendName | 'auto',
  device: Device,
  threads: number | undefined,
): Promise<BackendName> {
  if (name !== 'node' && name !== 'auto')
    throw new UsageError(
      `--device ${deviceName(device)} works with --backend node only, found --backend ${name}.`,
    );
  const binding = loadNodeBackend({ device, threads });
  if (!binding.isUsingGpuDevice())
    throw new UserError(
      `--device ${deviceName(device)}: no working GPU: ${await whyNoGpu()}. ` +
        'Install what is missing (`recnext setup --gpu` brings TensorFlow with CUDA, the driver comes from your system), or use --device cpu.',
    );
  await activate('node');
  return 'node';
}

async function start(
  name: BackendName,
  device: Device | undefined,
  { threads, notice }: BackendOptions,
): Promise<void> {
  if (name === 'node') loadNodeBackend({ device, threads });
  else if (threads !== undefined && threads > 1)
    notice?.(`--threads ${threads} changes nothing on the ${name} backend.`);
  if (name === 'webgpu') await loadWebGpu();
  await activate(name);
}

async function activate(name: BackendName): Promise<void> {
  withoutCpuBanner();
  if (!(await tf.setBackend(TFJS_NAME[name])))
    throw new UserError(`the ${name} backend does not start. \`recnext doctor\` says more.`);
  await tf.ready();
}

const hasWebGpu = (): boolean => (globalThis.navigator as { gpu?: unknown } | undefined)?.gpu !== undefined;

async function loadWebGpu(): Promise<void> {
  if (!hasWebGpu())
    throw new UserError(
      'the webgpu backend is not available: this Node.js has no navigator.gpu. Use --backend node or wasm.',
    );
  try {
    await import(WEBGPU_PACKAGE);
  } catch (error) {
    throw new UserError(
      `the webgpu backend is not available: ${WEBGPU_PACKAGE} cannot be loaded. Run \`npm install ${WEBGPU_PACKAGE}@${tf.version.tfjs}\`.`,
      { cause: error },
    );
  }
}
