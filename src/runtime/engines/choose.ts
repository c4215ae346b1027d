import { UsageError, UserError } from '../../errors.js';
import { tensorflowVersion } from '../tensorflow/index.js';
import type { EngineName } from './engine.js';

/** What executes models, and where. */
export interface EngineOptions {
  readonly engine: EngineName;
  /** `cpu` (default), `gpu` or `gpu:N`. */
  readonly device?: string;
  /** Threads of one operation; default: one a core. */
  readonly threads?: number;
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
