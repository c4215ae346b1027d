import { alignedFloat32 } from '../runtime/tensorflow/index.js';

type Shape = readonly [batch: number, height: number, width: number, channels: number];

/** Of the numbers that images are filled with over and over; a prime, so that no two rows are the same. */
const PERIOD = 65_521;

/** Images of numbers between -2 and 2, as normalised ones are, in memory that every engine takes as it is. */
export function syntheticImages([batch, height, width, channels]: Shape): Float32Array {
  const images = alignedFloat32(batch * height * width * channels);
  const numbers = Float32Array.from({ length: PERIOD }, (_, i) => Math.sin(i * 12.9898) * 2);
  for (let at = 0; at < images.length; at += PERIOD)
    images.set(numbers.subarray(0, Math.min(PERIOD, images.length - at)), at);
  return images;
}

/** Classes of the images, spread over all. */
export function syntheticClasses(batch: number, numClasses: number): Int32Array {
  return Int32Array.from({ length: batch }, (_, i) => (37 * i) % numClasses);
}

/** Targets `[batch, classes]` of these classes, smoothed by a tenth. */
export function smoothTargets(classes: Int32Array, numClasses: number): Float32Array {
  const targets = alignedFloat32(classes.length * numClasses).fill(0.1 / numClasses);
  classes.forEach((label, i) => (targets[i * numClasses + label]! += 0.9));
  return targets;
}
