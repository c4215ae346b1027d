import sharp from 'sharp';
import type { Dataset } from '../../../src/data/dataset.js';
import { noise } from './images.js';

/** A JPEG of noise. */
export function noiseJpeg(width: number, height: number, seed: number): Promise<Buffer> {
  const { data } = noise(width, height, seed);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 80 })
    .toBuffer();
}

/**
 * A data set in memory.
 * @param files of its samples; what sample i reads is `files[i % files.length]`
 */
export function memoryDataset(
  files: readonly Uint8Array[],
  length = files.length,
): Dataset & { reads: number[] } {
  const reads: number[] = [];
  return {
    reads,
    source: 'memory',
    split: undefined,
    length,
    classes: undefined,
    numClasses: 7,
    label: (index) => index % 7,
    name: (index) => `memory/${index}.jpg`,
    read(index) {
      reads.push(index);
      return Promise.resolve(files[index % files.length]!);
    },
  };
}
