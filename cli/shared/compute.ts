import { UsageError } from '../../src/errors.js';
import { selectBackend, type BackendName } from '../../src/runtime/backend.js';
import type { ComputeOptions } from './options.js';
import type { Output } from './output.js';

/** Makes the backend that the options ask for that of the process, and says which one it is. */
export async function startCompute(
  { backend, engine, device, threads }: ComputeOptions,
  output: Output,
): Promise<BackendName> {
  if (engine !== 'auto' && engine !== 'eager')
    throw new UsageError(
      `--engine ${engine} is not part of this version: leave it away, or say --engine eager.`,
    );
  const name = await selectBackend(backend, { device, threads, notice: (line) => output.info(line) });
  output.info(`backend: ${name}`);
  return name;
}
