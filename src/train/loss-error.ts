import type { LoadedBatch } from '../data/index.js';
import { UserError } from '../errors.js';
import type { RunFolder } from './run-folder.js';

/** A loss that is not a number: where, in which samples, and what to go back to. */
export function lossError(
  loss: number,
  { names }: LoadedBatch,
  folder: RunFolder,
  { epoch, step }: { epoch: number; step: number },
): UserError {
  const last = folder.lastCheckpoint();
  return new UserError(
    `Epoch ${epoch}, step ${step}: the loss is ${loss}, expected a finite number. ` +
      (last === undefined ? 'There is no checkpoint yet. ' : `The last good checkpoint is ${last}. `) +
      `Try a lower --lr. Samples of the batch: ${nameList(names)}.`,
  );
}

/** The first names of a list, and how many it has. */
export function nameList(names: readonly string[]): string {
  return names.slice(0, 8).join(', ') + (names.length > 8 ? `, … (${names.length})` : '');
}
