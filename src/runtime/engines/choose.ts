import { UsageError, UserError } from '../../errors.js';
import { parseDevice } from '../device.js';
import { opLibrary, tensorflowVersion } from '../tensorflow/index.js';
import type { EngineName } from './engine.js';

/** What executes models, and where. */
export interface EngineOptions {
  readonly engine: EngineName;
  /** `cpu` (default), `gpu` or `gpu:N`. */
  readonly device?: string;
  /** Threads of one operation; default: one a core. */
  readonly threads?: number;
  /** Path of our own operations for TensorFlow, where they are built. */
  readonly opLibrary?: string;
}

/**
 * The engine to use. `auto` takes TensorFlow where its library is on this machine, TF.js itself elsewhere.
 *
 * @param notice told why `auto` passes over a faster engine
 * @throws UserError that says why an engine asked for by name does not work here
 */
export async function chooseEngine(
  wanted: EngineName | 'auto',
  purpose: 'training' | 'inference',
  notice: (line: string) => void = () => undefined,
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
    notice(error.message);
    return 'eager';
  }
}

/** The engine with what it needs to know. Our own operations run on the CPU only. */
export async function resolveEngine(
  wanted: EngineName | 'auto',
  purpose: 'training' | 'inference',
  { device = 'cpu', threads }: Pick<EngineOptions, 'device' | 'threads'>,
  notice?: (line: string) => void,
): Promise<EngineOptions> {
  const engine = await chooseEngine(wanted, purpose, notice);
  if (engine !== 'tensorflow' || parseDevice(device).kind !== 'cpu') return { engine, device, threads };
  const library = await opLibrary();
  return { engine, device, threads, ...('path' in library && { opLibrary: library.path }) };
}
