import { selectBackend, type BackendName } from '../../src/runtime/backend.js';
import { resolveEngine, type EngineOptions } from '../../src/runtime/engines/choose.js';
import type { ComputeOptions } from './options.js';
import type { Output } from './output.js';

/** What a command computes with. */
export interface Compute {
  readonly backend: BackendName;
  readonly engine: EngineOptions;
}

/**
 * Makes the engine and backend ready that the options ask for, and says which they are.
 *
 * @param purpose what a compiled graph would do; `layers`: the command looks at single layers, which only TF.js itself can show
 */
export async function startCompute(
  { backend, engine, device, threads, amp }: ComputeOptions,
  output: Output,
  purpose: 'training' | 'inference' | 'layers',
): Promise<Compute> {
  const notice = (line: string) => output.info(line);
  // Somebody who names a backend wants that to compute.
  const wanted = purpose === 'layers' || (engine === 'auto' && backend !== 'auto') ? 'eager' : engine;
  const resolved = await resolveEngine(wanted, purpose === 'training' ? 'training' : 'inference', {
    device,
    threads,
    amp,
  });
  const chosen = resolved.engine;
  // Beside a compiled graph TF.js only holds the weights.
  const name =
    chosen === 'eager'
      ? await selectBackend(backend, { device, threads, notice })
      : await selectBackend(backend === 'auto' ? 'cpu' : backend);
  output.info(chosen === 'eager' ? `backend: ${name}` : `engine: ${chosen}`);
  return { backend: name, engine: resolved };
}
