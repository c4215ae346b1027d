import { UserError } from '../errors.js';
import { BACKEND_NAMES, type BackendName } from './backend-names.js';
import { cpuInfo, type CpuInfo } from './cpu-info.js';
import { whyNoGpu } from './gpu.js';
import { probeBackend, type TensorFlowLibrary } from './probe.js';
import { ownPackageFolder } from './setup/node-package.js';
import { onnxRuntimeVersion } from './onnx/index.js';
import { tensorflowVersion } from './tensorflow/index.js';
import { opLibrary } from './tensorflow/op-library.js';
import { tfjsCopies, type PackageCopy } from './tfjs-copies.js';

export interface Availability {
  available: boolean;
  /** Why not. */
  reason?: string;
  /** What it can do. */
  does?: string;
}

export type EngineName = 'tensorflow' | 'onnx' | 'eager';

/** What `recnext doctor --json` prints. */
export interface DoctorReport {
  /** Node.js' version, without "v". */
  node: string;
  /** Operating system and architecture: `linux-x64`. */
  platform: string;
  tfjs: string | null;
  cpu: CpuInfo;
  backends: Record<BackendName, Availability>;
  engines: Record<EngineName, Availability>;
  /** Our own operations for the tensorflow engine; nothing needs them. */
  operations: Availability;
  tensorflow?: TensorFlowLibrary;
  /** What `--device` accepts here. */
  devices: (Availability & { name: 'cpu' | 'gpu' })[];
  /** Copies of TF.js; more than one is a fault. */
  tfjsCopies: PackageCopy[];
  /** What to do about what is wrong, most important first. */
  nextSteps: string[];
}

const DOES: Record<BackendName, string> = {
  node: 'training and inference on TensorFlow, all threads',
  webgpu: 'training and inference on a GPU through WebGPU',
  wasm: 'training and inference in WebAssembly (SIMD), one thread',
  cpu: 'training and inference in plain JavaScript, very slow',
};

/** Looks at this machine. Each backend is tried in a process of its own, one after the other. */
export async function doctor(folder = process.cwd()): Promise<DoctorReport> {
  const backends = {} as Record<BackendName, Availability>;
  const devices: DoctorReport['devices'] = [{ name: 'cpu', available: true }];
  let tfjs: string | null = null;
  let tensorflow: TensorFlowLibrary | undefined;
  for (const name of BACKEND_NAMES) {
    const probe = await probeBackend(name, name === 'node' ? 'gpu' : 'cpu');
    backends[name] = probe.available
      ? { available: true, does: DOES[name] }
      : { available: false, reason: probe.reason };
    if (probe.available) {
      tfjs ??= probe.tfjs;
      tensorflow ??= probe.tensorflow;
    }
    if (name === 'node')
      devices.push(
        probe.available && probe.gpu === true
          ? { name: 'gpu', available: true }
          : { name: 'gpu', available: false, reason: await whyNoGpu(probe) },
      );
  }
  const works = BACKEND_NAMES.some((name) => backends[name].available);
  const copies = tfjsCopies([ownPackageFolder(), folder]);
  return {
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    tfjs,
    cpu: cpuInfo(),
    backends,
    engines: {
      tensorflow: await engine('training and inference as one graph', tensorflowVersion),
      onnx: await engine('inference as one graph', onnxRuntimeVersion),
      eager: works
        ? { available: true, does: 'runs each operation as TF.js calls it, on the backend' }
        : { available: false, reason: 'no backend works' },
    },
    operations: await operations(),
    ...(tensorflow === undefined ? {} : { tensorflow }),
    devices,
    tfjsCopies: copies,
    nextSteps: nextSteps(backends, copies),
  };
}

async function engine(does: string, version: () => Promise<string>): Promise<Availability> {
  try {
    return { available: true, does: `${does} (version ${await version()})` };
  } catch (error) {
    if (error instanceof UserError) return { available: false, reason: error.message };
    throw error;
  }
}

async function operations(): Promise<Availability> {
  const library = await opLibrary();
  return 'path' in library
    ? { available: true, does: `faster training on this processor (${library.path})` }
    : { available: false, reason: library.reason };
}

function nextSteps(backends: DoctorReport['backends'], copies: readonly PackageCopy[]): string[] {
  const steps: string[] = [];
  if (copies.length > 1)
    steps.push(
      `Remove all copies of @tensorflow/tfjs-core but one: \`npm dedupe\`, or give every package the same version of TF.js.`,
    );
  if (!backends.node.available)
    steps.push(
      'Run `recnext setup` for the node backend; wasm computes the same meanwhile, several times slower.',
    );
  if (!backends.wasm.available && !backends.cpu.available)
    steps.push('Install the dependencies again (`npm ci`): wasm and cpu need nothing but them.');
  return steps;
}
