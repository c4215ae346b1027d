import { UsageError } from '../../errors.js';
import { parseDevice } from '../device.js';
import type { Variant } from '../setup/platform.js';
import { ConfigProto, NO_OPTIMIZATION, Toggle } from './proto/config.js';

/** Passes of TensorFlow's own graph optimizer (grappler) that can be switched; all but `layout` on a CPU matter. */
export type GraphPass =
  | 'layoutOptimizer'
  | 'constantFolding'
  | 'arithmeticOptimization'
  | 'dependencyOptimization'
  | 'loopOptimization'
  | 'functionOptimization'
  | 'shapeOptimization'
  | 'remapping'
  | 'commonSubgraphElimination';

export interface SessionOptions {
  /** Threads of one operation; default: one a core. */
  readonly intraOpThreads?: number;
  /** Operations that run at once; default: one a core. */
  readonly interOpThreads?: number;
  /** Default: `cpu`. */
  readonly device?: 'cpu' | 'gpu' | `gpu:${number}`;
  /** Lets TensorFlow rewrite the graph so that what gains by it computes in 16 bits: float16 on a GPU, bfloat16 on a CPU. */
  readonly mixedPrecision?: 'bfloat16' | 'float16';
  /** Path of a library of operations, loaded once a process. */
  readonly opLibrary?: string;
  /** `off`: the graph runs as it is written. Else passes to switch on or off; default: TensorFlow's own choice. */
  readonly graphOptimizer?: 'off' | Partial<Record<GraphPass, boolean>>;
}

const MAX_THREADS = 4096;

function threads(name: string, value: number | undefined): number {
  if (value === undefined) return 0;
  if (!Number.isInteger(value) || value < 1 || value > MAX_THREADS)
    throw new UsageError(`${name}: expected a whole number from 1 to ${MAX_THREADS}, found ${value}.`);
  return value;
}

const toggle = (on: boolean): number => (on ? Toggle.ON : Toggle.OFF);

/**
 * Refuses a precision that a device does not compute in. TensorFlow's rewrite to float16 for CPUs ends the process when it is given one of our models (2.21: a C++
 * exception in the rewrite).
 *
 * @throws UsageError
 */
export function checkPrecision(device: string, precision: SessionOptions['mixedPrecision']): void {
  const gpu = parseDevice(device).kind === 'gpu';
  if (precision === undefined || gpu === (precision === 'float16')) return;
  throw new UsageError(
    gpu
      ? '--amp bfloat16: TensorFlow rewrites graphs for GPUs to float16 only. Use --amp float16.'
      : '--amp float16 works on GPUs only: for CPUs TensorFlow rewrites graphs to bfloat16. Use --amp bfloat16, or --device gpu.',
  );
}

/** Which of TensorFlow's rewrites makes `precision` of float32 on a device. */
function mixedPrecision(gpu: boolean, precision: SessionOptions['mixedPrecision']): Record<string, number> {
  if (precision === undefined) return {};
  return gpu ? { autoMixedPrecision: Toggle.ON } : { autoMixedPrecisionOnednnBfloat16: Toggle.ON };
}

function graphOptions(gpu: boolean, options: SessionOptions): object {
  const precision = mixedPrecision(gpu, options.mixedPrecision);
  const passes = options.graphOptimizer ?? {};
  if (passes === 'off') {
    if (options.mixedPrecision !== undefined)
      throw new UsageError(
        'mixedPrecision is a pass of the graph optimizer: graphOptimizer "off" leaves it out.',
      );
    return {
      optimizerOptions: { optLevel: NO_OPTIMIZATION },
      rewriteOptions: { disableMetaOptimizer: true },
    };
  }
  const switched = Object.entries(passes).map(([name, on]) => [name, toggle(on)]);
  return { rewriteOptions: { ...precision, ...Object.fromEntries(switched) } };
}

/**
 * The ConfigProto that says what `options` say.
 *
 * @throws UsageError for values that make no sense
 */
export function encodeConfig(options: SessionOptions): Uint8Array {
  const device = parseDevice(options.device ?? 'cpu');
  checkPrecision(options.device ?? 'cpu', options.mixedPrecision);
  const gpu = device.kind === 'gpu';
  const config = {
    intraOpParallelismThreads: threads('intraOpThreads', options.intraOpThreads),
    interOpParallelismThreads: threads('interOpThreads', options.interOpThreads),
    usePerSessionThreads: true,
    // Operations without a kernel for the GPU (strings, our own) run on the CPU.
    allowSoftPlacement: true,
    ...(gpu
      ? {
          gpuOptions: {
            allowGrowth: true,
            ...(device.index === undefined ? {} : { visibleDeviceList: String(device.index) }),
          },
        }
      : { deviceCount: [{ key: 'GPU', value: 0 }] }),
    graphOptions: graphOptions(gpu, options),
  };
  return ConfigProto.encode(ConfigProto.create(config)).finish();
}

export const preferredVariant = ({ device }: SessionOptions): Variant =>
  device === undefined || device === 'cpu' ? 'cpu' : 'cuda';
