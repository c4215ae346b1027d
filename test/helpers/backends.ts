import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe } from 'vitest';
import { selectBackend, type BackendName } from '../../src/runtime/backend.js';
import { loadNodeBackend } from '../../src/runtime/node-backend.js';

function nodeBackendError(): string | undefined {
  try {
    loadNodeBackend();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split('\n')[0] : String(error);
  }
}

/**
 * One suite that runs on each backend. `node` skips with its reason where the native addon is missing, but in CI it must be there.
 */
export function describeBackends(
  names: readonly BackendName[],
  title: string,
  suite: (backend: BackendName) => void,
): void {
  for (const name of names) {
    const reason = name === 'node' ? nodeBackendError() : undefined;
    if (reason !== undefined && process.env.CI) throw new Error(`CI needs the node backend: ${reason}`);
    describe.skipIf(reason !== undefined)(
      `${title} [${name}${reason === undefined ? '' : `: skipped, ${reason}`}]`,
      () => {
        beforeAll(async () => {
          await selectBackend(name);
        });
        suite(name);
      },
    );
  }
}

/** Number of live tensors after `body`, less before it. */
export async function leaked(body: () => void | Promise<void>): Promise<number> {
  const before = tf.memory().numTensors;
  await body();
  return tf.memory().numTensors - before;
}
