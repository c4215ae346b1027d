import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors.js';
import { selectBackend } from '../../runtime/backend.js';
import type { EngineOptions } from '../../runtime/engines/choose.js';

/** A backend of TF.js beside the one that the process has. */
export interface Beside {
  /** Its name here. */
  readonly name: string;
  /** Runs `body` on it. What it makes stays there; asynchronous bodies must be the only ones at work. */
  on<T>(body: () => T): T;
}

/**
 * The fastest backend for TF.js code. Where a compiled graph trains, the process' own is plain JavaScript, which only holds the weights.
 */
export async function fastBackend(
  engine: EngineOptions | undefined,
  notice: (line: string) => void,
): Promise<Beside> {
  const own = tf.getBackend();
  if (engine === undefined || engine.engine === 'eager') return { name: own, on: (body) => body() };
  const name = await fastest(engine, notice);
  const fast = tf.getBackend();
  const use = (backend: string): void => void tf.setBackend(backend);
  use(own);
  return {
    name,
    on(body) {
      use(fast);
      const done = (): void => use(own);
      let result;
      try {
        result = body();
      } catch (error) {
        done();
        throw error;
      }
      if (result instanceof Promise) return result.finally(done) as typeof result;
      done();
      return result;
    },
  };
}

async function fastest({ device, threads }: EngineOptions, notice: (line: string) => void): Promise<string> {
  try {
    return await selectBackend('auto', { device, threads });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    notice(error.message);
    return selectBackend('auto');
  }
}
