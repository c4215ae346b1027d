import { selectBackend, type BackendName } from '../backend.js';
import { resolveEngine, type EngineOptions, type Purpose } from './choose.js';
import type { EngineName } from './engine.js';

/** What is to compute. */
export interface EngineRequest extends Pick<EngineOptions, 'device' | 'threads' | 'amp'> {
  readonly backend: BackendName | 'auto';
  readonly engine: EngineName | 'auto';
}

/** What computes. */
export interface Compute {
  readonly backend: BackendName;
  readonly engine: EngineOptions;
}

/**
 * Makes the engine and backend ready that are asked for.
 *
 * @param purpose what the engine is for: `auto` depends on it
 * @param notice told why a better backend was passed over
 * @throws UserError that says why what was asked for by name does not work here
 */
export async function startEngine(
  { backend, engine, device, threads, amp }: EngineRequest,
  purpose: Purpose,
  notice: (line: string) => void = () => undefined,
): Promise<Compute> {
  // Somebody who names a backend wants that to compute.
  const wanted = engine === 'auto' && backend !== 'auto' ? 'eager' : engine;
  const resolved = await resolveEngine(wanted, purpose, { device, threads, amp });
  // Beside a compiled graph TF.js only holds the weights.
  const name =
    resolved.engine === 'eager'
      ? await selectBackend(backend, { device, threads, notice })
      : await selectBackend(backend === 'auto' ? 'cpu' : backend);
  return { backend: name, engine: resolved };
}
