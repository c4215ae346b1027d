import { availableParallelism } from 'node:os';

/** Fewer samples are done before threads have started. */
const FEW = 1024;
/** More threads are for those who ask for them: the model wants processors too. */
const MANY = 8;

/** Worker threads for an epoch of so many samples, where nobody says how many. */
export function automaticWorkers(samples: number): number {
  return samples < FEW ? 0 : Math.min(MANY, Math.max(1, availableParallelism() - 1));
}
