import { createHash } from 'node:crypto';
import { SampleIndexBuilder, type SampleIndex } from './sample-index.js';

/** What is in a shard, as text beside it: `train-000000.tar.index`. */
export const INDEX_SUFFIX = '.index';

/** A picture in a shard. */
export interface IndexedPicture {
  readonly key: string;
  readonly label: number;
  /** First byte in the shard. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** A line a picture: label, offset, size and key; the key last, since it may hold anything but a line break. */
export function formatTarIndex(pictures: readonly IndexedPicture[]): string {
  return pictures.map(({ key, label, offset, size }) => `${label} ${offset} ${size} ${key}\n`).join('');
}

/**
 * Reads what {@link formatTarIndex} wrote.
 * @param bytes of the shard
 * @returns undefined for a text that is none, or does not fit the shard: whoever wants to know lists the shard itself
 */
export function parseTarIndex(text: string, bytes: number): SampleIndex | undefined {
  const samples = new SampleIndexBuilder();
  if (!text.endsWith('\n')) return undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, label, offset, size, name] = /^(\d{1,9}) (\d{1,15}) (\d{1,15}) (.+)$/.exec(line) ?? [];
    if (name === undefined) return undefined;
    const sample = { name, label: Number(label), offset: Number(offset), size: Number(size) };
    if (sample.offset + sample.size > bytes) return undefined;
    samples.push(sample);
  }
  return samples.finish();
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
