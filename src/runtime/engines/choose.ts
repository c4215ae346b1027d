import { UsageError, UserError } from '../../errors.js';
import { parseDevice } from '../device.js';
import { checkPrecision, opLibrary, tensorflowVersion } from '../tensorflow/index.js';
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

/**
 * The engine to use. `auto` takes TensorFlow where its library is on this machine, TF.js itself elsewhere.
 *
 * @throws UserError that says why an engine asked for by name does not work here
 */
async function chooseEngine(
  wanted: EngineName | 'auto',
  purpose: 'training' | 'inference',
): Promise<EngineName> {
  if (wanted === 'eager') return wanted;
  if (wanted === 'onnx') {
    if (purpose === 'training')
      throw new UsageError('--engine onnx runs models, it does not train them: use tensorflow or eager.');
    return wanted;
  }
  try {
    await tensorflowVersion();
    return 'tensorflow';
  } catch (error) {
    if (wanted !== 'auto' || !(error instanceof UserError)) throw error;
    return 'eager';
  }
}

/** The engine with what it needs to know. Our own operations run on the CPU only. */
export async function resolveEngine(
  wanted: EngineName | 'auto',
  purpose: 'training' | 'inference',
  { device = 'cpu', threads, amp }: Pick<EngineOptions, 'device' | 'threads' | 'amp'>,
): Promise<EngineOptions> {
  const engine = await chooseEngine(wanted, purpose);
  if (amp !== undefined && engine !== 'tensorflow')
    throw new UsageError(`--amp ${amp} works with --engine tensorflow only, found ${engine}.`);
  checkPrecision(device, amp);
  if (engine !== 'tensorflow' || parseDevice(device).kind !== 'cpu') return { engine, device, threads, amp };
  const library = await opLibrary();
  return { engine, device, threads, amp, ...('path' in library && { opLibrary: library.path }) };
}
