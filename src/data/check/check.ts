import { createHash } from 'node:crypto';
import { UserError } from '../../errors.js';
import type { BrokenSample } from '../broken-samples.js';
import type { Dataset } from '../dataset.js';
import { decodeImage } from '../decode.js';
import { imageFormat, type ImageFormat } from '../image-format.js';
import { inOrder } from '../pack/in-order.js';
import { duplicateGroups } from './duplicates.js';

/** The smallest, the middle and the largest of many numbers. */
export interface Range {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Images that are the same. */
export interface DuplicateGroup {
  readonly names: readonly string[];
  readonly labels: readonly number[];
  /** The files are the same byte for byte; else only what is to be seen in them. */
  readonly sameBytes: boolean;
}

export interface DataReport {
  readonly source: string;
  readonly samples: number;
  readonly numClasses: number;
  readonly formats: Readonly<Partial<Record<ImageFormat | 'pixels', number>>>;
  /** Of the files, in bytes. Undefined where no sample is good. */
  readonly bytes?: Range;
  /** In pixels. */
  readonly width?: Range;
  readonly height?: Range;
  readonly broken: readonly BrokenSample[];
  /** Images of a class, over all classes. */
  readonly classSizes: Range;
  readonly smallestClass: ClassSize;
  readonly largestClass: ClassSize;
  /** Classes without an image. */
  readonly emptyClasses: readonly string[];
  readonly duplicates: readonly DuplicateGroup[];
  /** Groups of the same image under different labels. */
  readonly contradictions: number;
}

export interface ClassSize {
  readonly class: string;
  readonly images: number;
}

export interface CheckOptions {
  /** Samples read and decoded at the same time. Default 16. */
  readonly concurrency?: number;
  readonly onProgress?: (samples: number) => void;
  readonly onBroken?: (sample: BrokenSample) => void;
  /** Ends between two samples by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Reads and decodes every sample of a data set once, and tells what is there. */
export async function checkDataset(dataset: Dataset, options: CheckOptions = {}): Promise<DataReport> {
  const { concurrency = 16, onProgress, onBroken, signal } = options;
  const { length } = dataset;
  const sizes = new Float64Array(length);
  const widths = new Float64Array(length);
  const heights = new Float64Array(length);
  // 64 bits: of a million images, the chance that two different ones look the same is below one in ten million.
  const byteHashes = new BigUint64Array(length);
  const pixelHashes = new BigUint64Array(length);
  const formats: Partial<Record<ImageFormat | 'pixels', number>> = {};
  const broken: BrokenSample[] = [];

  const look = async (index: number): Promise<BrokenSample | undefined> => {
    const name = dataset.name(index);
    try {
      const source = dataset.pixels ? await dataset.pixels(index) : await dataset.read(index);
      const encoded = source instanceof Uint8Array ? source : source.data;
      const image = source instanceof Uint8Array ? await decodeImage(source, name) : source;
      const format = source instanceof Uint8Array ? imageFormat(source)! : 'pixels';
      formats[format] = (formats[format] ?? 0) + 1;
      sizes[index] = encoded.length;
      widths[index] = image.width;
      heights[index] = image.height;
      byteHashes[index] = hash64(encoded);
      pixelHashes[index] = hash64(image.data, `${image.width}x${image.height}`);
      return undefined;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { index, name, reason: error.message };
    }
  };
  let done = 0;
  for await (const found of inOrder(length, concurrency, look)) {
    signal?.throwIfAborted();
    if (found !== undefined) {
      broken.push(found);
      onBroken?.(found);
    }
    onProgress?.(++done);
  }
  const isBroken = new Set(broken.map(({ index }) => index));
  const good = Int32Array.from({ length }, (_, i) => i).filter((i) => !isBroken.has(i));
  const rangeOf = (values: Float64Array): Range => range(Float64Array.from(good, (i) => values[i]!));
  const duplicates = duplicateGroups(good, byteHashes, pixelHashes).map(({ indices, sameBytes }) => ({
    names: indices.map((i) => dataset.name(i)),
    labels: indices.map((i) => dataset.label(i)),
    sameBytes,
  }));
  return {
    source: dataset.source,
    samples: length,
    numClasses: dataset.numClasses,
    formats,
    ...(good.length > 0 && { bytes: rangeOf(sizes), width: rangeOf(widths), height: rangeOf(heights) }),
    broken,
    ...classBalance(dataset),
    duplicates,
    contradictions: duplicates.filter(({ labels }) => new Set(labels).size > 1).length,
  };
}

type Balance = Pick<DataReport, 'classSizes' | 'smallestClass' | 'largestClass' | 'emptyClasses'>;

function classBalance(dataset: Dataset): Balance {
  const counts = new Float64Array(dataset.numClasses);
  for (let i = 0; i < dataset.length; i++) counts[dataset.label(i)]!++;
  const nameOf = (label: number): string => dataset.classes?.[label] ?? String(label);
  const classSizes = range(counts.slice());
  const sized = (images: number): ClassSize => ({ class: nameOf(counts.indexOf(images)), images });
  return {
    classSizes,
    smallestClass: sized(classSizes.min),
    largestClass: sized(classSizes.max),
    emptyClasses: [...counts.keys()].filter((label) => counts[label] === 0).map(nameOf),
  };
}

/** @param values one or more; they are sorted */
function range(values: Float64Array): Range {
  values.sort();
  return { min: values[0]!, median: values[values.length >> 1]!, max: values.at(-1)! };
}

function hash64(bytes: Uint8Array, before = ''): bigint {
  return createHash('sha256').update(before).update(bytes).digest().readBigUInt64LE();
}
