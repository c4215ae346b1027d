import type { Loader } from '../data/index.js';
import { UsageError } from '../errors.js';
import type { RunConfig } from './config.js';

/** Training images have sides of `size` pixels from `epoch` on. */
export interface SizeFrom {
  readonly epoch: number;
  readonly size: number;
}

/** Smallest side that a network of stride 32 or 64 does something with. */
const SMALLEST = 16;

/** The sizes of a run by epoch, the first from epoch 0 on. Throws UsageError for a schedule that is none. */
export function parseProgressive({
  progressive,
  inputSize,
  epochs,
}: Pick<RunConfig, 'progressive' | 'inputSize' | 'epochs'>): SizeFrom[] {
  if (progressive === undefined || progressive.length === 0) return [{ epoch: 0, size: inputSize }];
  const steps = progressive.map((entry) => {
    const [epoch, size] = entry.split(':').map(Number);
    return { epoch: epoch!, size: size! };
  });
  steps.forEach(({ epoch, size }, i) => {
    const expected = i === 0 ? 0 : steps[i - 1]!.epoch + 1;
    if (i === 0 ? epoch !== 0 : epoch < expected)
      throw new UsageError(
        `--progressive ${progressive[i]!}: expected ${i === 0 ? 'epoch 0 first' : `an epoch of ${expected} or more`}, found ${epoch}.`,
      );
    if (epoch >= epochs)
      throw new UsageError(
        `--progressive ${progressive[i]!}: the run has ${epochs} epochs, the last is ${epochs - 1}.`,
      );
    if (size < SMALLEST)
      throw new UsageError(
        `--progressive ${progressive[i]!}: expected a size of ${SMALLEST} or more, found ${size}.`,
      );
  });
  return steps;
}

/** A loader whose images grow: each epoch comes from the loader that is made for its size. */
export function progressiveLoader(sizes: readonly SizeFrom[], make: (size: number) => Loader): Loader {
  const loaders = sizes.map(({ epoch, size }) => ({ epoch, loader: make(size) }));
  const { loader: first } = loaders[0]!;
  if (loaders.length === 1) return first;
  const loaderOf = (epoch: number): Loader => loaders.findLast((entry) => entry.epoch <= epoch)!.loader;
  return {
    ...first,
    epoch: (epoch, firstStep) => loaderOf(epoch).epoch(epoch, firstStep),
    prepare: (epoch, firstStep) => loaderOf(epoch).prepare?.(epoch, firstStep),
  };
}
