import type { LoadedBatch, Loader } from '../data/index.js';

/**
 * The same loader, with its batches shown on the way.
 *
 * @param onBatch a batch is about to go to the step; `waited` seconds were spent waiting for it (not: making it)
 */
export function watchedLoader(loader: Loader, onBatch: (batch: LoadedBatch, waited: number) => void): Loader {
  return {
    ...loader,
    async *epoch(epoch, firstStep) {
      const batches = loader.epoch(epoch, firstStep);
      try {
        for (;;) {
          const start = performance.now();
          const next = await batches.next();
          if (next.done) return;
          onBatch(next.value, (performance.now() - start) / 1000);
          yield next.value;
        }
      } finally {
        await batches.return();
      }
    },
  };
}
