import { createHash } from 'node:crypto';
import type { Dataset } from '../data/index.js';

/** What a run needs of its data to go on as it began. */
export interface DataIdentity {
  /** Images of an epoch. */
  readonly samples: number;
  readonly batchSize: number;
  /** Of the labels, in order. */
  readonly digest?: string | undefined;
}

/** A short digest of a data set's labels in their order: other images, another order or other classes show in it. */
export function labelDigest(data: Dataset): string {
  const labels = Int32Array.from({ length: data.length }, (_, i) => data.label(i));
  return createHash('sha256')
    .update(`${data.numClasses}\n${(data.classes ?? []).join('\n')}\n`)
    .update(labels)
    .digest('hex')
    .slice(0, 16);
}

/** What is different now, a phrase each; nothing where a run can go on bit by bit. */
export function dataDifferences(
  saved: Omit<DataIdentity, 'batchSize'> & { readonly batchSize?: number | undefined },
  now: DataIdentity,
): string[] {
  const changed = (what: string, before: number | undefined, after: number) =>
    before === undefined || before === after ? [] : [`${what}: ${after}, was ${before}`];
  const counts = [
    ...changed('images of an epoch', saved.samples, now.samples),
    ...changed('batch size', saved.batchSize, now.batchSize),
  ];
  if (counts.length > 0 || saved.digest === undefined || now.digest === undefined) return counts;
  return saved.digest === now.digest ? [] : ['the labels of --data or their order'];
}
