import { widen } from '../../../convert/tensor-type.js';
import { halfPrecision } from '../../../convert/write/half-precision.js';
import type { TeacherOutput } from '../../step-runner.js';
import { largestOfRows, type OutputKind } from '../outputs.js';

/** What is kept of what a teacher says of an image. */
export interface EntryFormat {
  readonly kind: OutputKind;
  readonly classes: number;
  /** Of soft entries: how many of the largest logits are kept; all of them: `classes`. */
  readonly topk: number;
  /** Of soft entries. */
  readonly type: 'float32' | 'float16';
}

/** Up to so many classes their numbers take two bytes. */
const SHORT = 2 ** 16;

const indexBytes = ({ classes }: EntryFormat): number => (classes <= SHORT ? 2 : 4);
const valueBytes = ({ type }: EntryFormat): number => (type === 'float32' ? 4 : 2);

/** Bytes of one image. */
export function entryBytes(format: EntryFormat): number {
  const { kind, classes, topk } = format;
  if (kind === 'hard') return indexBytes(format);
  if (topk === classes) return classes * valueBytes(format);
  return topk * (indexBytes(format) + valueBytes(format)) + 4;
}

/**
 * What is kept of the logits of a batch. Of `topk` logits their classes are kept as well, and one number for all the others: the logarithm of the mean of their
 * exponentials, so that together they have the probability that they had.
 *
 * @param logits `[batch, classes]`
 * @throws UserError for logits that float16 cannot hold
 */
export function encodeEntries(logits: Float32Array, format: EntryFormat): Uint8Array {
  const { kind, classes, topk } = format;
  const batch = logits.length / classes;
  if (kind === 'hard') return bytesOf(indices(largestOfRows(logits, batch), format));
  if (topk === classes) return bytesOf(values(logits, format));
  const best = new Int32Array(batch * topk);
  const kept = new Float32Array(batch * topk);
  const rest = new Float32Array(batch);
  for (let row = 0; row < batch; row++) {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    const order = Array.from(own.keys()).sort((a, b) => own[b]! - own[a]! || a - b);
    for (let k = 0; k < topk; k++) {
      best[row * topk + k] = order[k]!;
      kept[row * topk + k] = own[order[k]!]!;
    }
    rest[row] = meanOfExponentials(own, order.slice(topk));
  }
  const parts = [indices(best, format), values(kept, format), rest].map(bytesOf);
  return Buffer.concat(parts);
}

/**
 * What a loss gets: the classes, or logits `[batch, classes]`, those that were not kept all equal.
 *
 * @param bytes `batch` entries, as `encodeEntries` made them
 */
export function decodeEntries(bytes: Uint8Array, format: EntryFormat): TeacherOutput {
  const { kind, classes, topk } = format;
  const batch = bytes.byteLength / entryBytes(format);
  const read = (from: number, count: number, size: number): ArrayBuffer =>
    bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + from + count * size) as ArrayBuffer;
  const readIndices = (from: number, count: number): Uint16Array | Uint32Array => {
    const buffer = read(from, count, indexBytes(format));
    return indexBytes(format) === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
  };
  const readValues = (from: number, count: number): Float32Array => {
    const buffer = read(from, count, valueBytes(format));
    if (format.type === 'float32') return new Float32Array(buffer);
    return widen(new Uint16Array(buffer), 'float16') as Float32Array;
  };
  if (kind === 'hard') return Int32Array.from(readIndices(0, batch));
  if (topk === classes) return readValues(0, batch * classes);
  const count = batch * topk;
  const best = readIndices(0, count);
  const kept = readValues(count * indexBytes(format), count);
  const rest = new Float32Array(read(count * (indexBytes(format) + valueBytes(format)), batch, 4));
  const logits = new Float32Array(batch * classes);
  for (let row = 0; row < batch; row++) {
    logits.fill(rest[row]!, row * classes, (row + 1) * classes);
    for (let k = row * topk; k < (row + 1) * topk; k++) logits[row * classes + best[k]!] = kept[k]!;
  }
  return logits;
}

function indices(of: Int32Array, format: EntryFormat): Uint16Array | Uint32Array {
  return indexBytes(format) === 2 ? Uint16Array.from(of) : Uint32Array.from(of);
}

function values(of: Float32Array, { type }: EntryFormat): Float32Array | Uint16Array {
  return type === 'float32' ? of : halfPrecision("the teacher's logits", of, 'float16');
}

function meanOfExponentials(logits: Float32Array, which: readonly number[]): number {
  const largest = which.reduce((max, i) => Math.max(max, logits[i]!), -Infinity);
  const sum = which.reduce((total, i) => total + Math.exp(logits[i]! - largest), 0);
  return largest + Math.log(sum / which.length);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
