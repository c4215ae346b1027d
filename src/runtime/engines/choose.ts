import { UsageError, UserError } from '../../errors.js';
import { parseDevice } from '../device.js';
import { onnxRuntimeVersion } from '../onnx/index.js';
import { checkPrecision, opLibrary, tensorflowVersion, type OpLibrary } from '../tensorflow/index.js';
import type { EngineName, Precision } from './engine.js';

/** What executes models, and where. */
export interface EngineOptions {
  readonly engine: EngineName;
  /** `cpu` (default), `gpu` or `gpu:N`. */
  readonly device?: string;
  /** Threads of one operation; default: one a core. */
  readonly threads?: number;
  /** Computes in 16 bits what gains by it; TensorFlow only. Results differ in the third digit. */
  readonly amp?: Precision;
  /** Path of our own operations for TensorFlow, where they are built. */
  readonly opLibrary?: string;
}

/** What a graph is for: training steps, batches of images, or one image at a time. */
export type Purpose = 'training' | 'batches' | 'single images';

/** What is found on a machine. Each throws a UserError that says why something is not there. */
export interface Installed {
  readonly tensorflow: () => Promise<unknown>;
  readonly onnx: () => Promise<unknown>;
  readonly opLibrary: () => Promise<OpLibrary>;
}

const HERE: Installed = { tensorflow: tensorflowVersion, onnx: onnxRuntimeVersion, opLibrary };

type Request = Pick<EngineOptions, 'device' | 'threads' | 'amp'>;

/**
 * Engines for `auto`, the best first, as measured (bench/NOTES.md): onnxruntime is faster with one image and starts in half the time; TensorFlow is as fast with a batch
 * where our own operations are built, and it alone trains and knows mixed precision.
 */
async function preferred(
  purpose: Purpose,
  { device = 'cpu', amp }: Request,
  installed: Installed,
): Promise<readonly EngineName[]> {
  if (purpose === 'training' || amp !== undefined || parseDevice(device).kind !== 'cpu')
    return ['tensorflow', 'eager'];
  const batches = purpose === 'batches' && 'path' in (await installed.opLibrary());
  return batches ? ['tensorflow', 'onnx', 'eager'] : ['onnx', 'tensorflow', 'eager'];
}

/** @throws UserError that says why an engine does not work here */
async function check(engine: EngineName, installed: Installed): Promise<void> {
  if (engine !== 'eager') await installed[engine]();
}

/**
 * The engine to use.
 *
 * @throws UserError that says why an engine asked for by name does not work here
 */
async function chooseEngine(
  wanted: EngineName | 'auto',
  purpose: Purpose,
  request: Request,
  installed: Installed,
): Promise<EngineName> {
  if (wanted === 'onnx' && purpose === 'training')
    throw new UsageError('--engine onnx runs models, it does not train them: use tensorflow or eager.');
  if (wanted !== 'auto') {
    await check(wanted, installed);
    return wanted;
  }
  for (const engine of await preferred(purpose, request, installed))
    try {
      await check(engine, installed);
      return engine;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  return 'eager';
}

/** The engine with what it needs to know. Our own operations run on the CPU only. */
export async function resolveEngine(
  wanted: EngineName | 'auto',
  purpose: Purpose,
  request: Request,
  installed: Installed = HERE,
): Promise<EngineOptions> {
  const { device = 'cpu', threads, amp } = request;
  let operations: Promise<OpLibrary> | undefined;
  // Asked for twice, looked for once: its name is a hash of all its sources.
  const findOperations = (): Promise<OpLibrary> => (operations ??= installed.opLibrary());
  const engine = await chooseEngine(wanted, purpose, request, { ...installed, opLibrary: findOperations });
  if (amp !== undefined && engine !== 'tensorflow')
    throw new UsageError(`--amp ${amp} works with --engine tensorflow only, found ${engine}.`);
  checkPrecision(device, amp);
  if (engine !== 'tensorflow' || parseDevice(device).kind !== 'cpu') return { engine, device, threads, amp };
  const library = await findOperations();
  return { engine, device, threads, amp, ...('path' in library && { opLibrary: library.path }) };
}
