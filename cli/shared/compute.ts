import type { Purpose } from '../../src/runtime/engines/choose.js';
import { startEngine, type Compute } from '../../src/runtime/engines/start.js';
import type { ComputeOptions } from './options.js';
import type { Output } from './output.js';

/**
 * Makes the engine and backend ready that the options ask for, and says which they are.
 *
 * @param purpose what the engine is for; `layers`: the command looks at single layers, which only TF.js itself can show
 */
export async function startCompute(
  { engine, ...options }: ComputeOptions,
  output: Output,
  purpose: Purpose | 'layers',
): Promise<Compute> {
  const started = await startEngine(
    { ...options, engine: purpose === 'layers' ? 'eager' : engine },
    purpose === 'layers' ? 'single images' : purpose,
    (line) => output.info(line),
  );
  const chosen = started.engine.engine;
  output.info(chosen === 'eager' ? `backend: ${started.backend}` : `engine: ${chosen}`);
  return started;
}
