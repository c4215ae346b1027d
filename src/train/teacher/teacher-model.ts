import type { Layout } from './names.js';

/** Images as a model wants them: `(pixel - mean) / std` of each channel, pixels from 0 to 1. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What a model's file says of its images; undefined where it leaves it open, or does not say. */
export interface TeacherInput {
  readonly layout: Layout | undefined;
  readonly batch: number | undefined;
  readonly size: readonly [height: number, width: number] | undefined;
}

/** Numbers with their shape, row-major. */
export interface HostTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** A model of any format that can be run: from images as it wants them to what it makes of them. */
export interface TeacherModel {
  /** What it is, for people: `a TF.js GraphModel`. */
  readonly format: string;
  readonly input: TeacherInput;
  /** Where the file says it. */
  readonly normalisation: Normalisation | undefined;
  readonly classNames: readonly string[] | undefined;
  /** SHA-256 of its weights (or of all its files), shortened. */
  readonly fingerprint: string;
  /** What people should know of it, a line each. */
  readonly notes: readonly string[];
  /** @param images in the model's own layout, normalised for it */
  run(images: HostTensor): Promise<HostTensor>;
  dispose(): void;
}

/**
 * What the shape of a model's input says; lengths below 1, null or as a text are open.
 *
 * @returns undefined for what is no batch of RGB images
 */
export function inputOf(shape: readonly unknown[]): TeacherInput | undefined {
  if (shape.length !== 4) return undefined;
  const lengths = shape.map((length) => {
    const value = Number(length);
    return typeof length !== 'string' && Number.isInteger(value) && value > 0 ? value : undefined;
  });
  const [batch, a, b, c] = lengths;
  const layout = layoutOf(a, c);
  if (layout === null) return undefined;
  const [height, width] = layout === 'nchw' ? [b, c] : [a, b];
  const size = height === undefined || width === undefined ? undefined : ([height, width] as const);
  return { layout, batch, size: layout === undefined ? undefined : size };
}

/** Where the three channels are; undefined: open, or at both ends; null: nowhere. */
function layoutOf(first: number | undefined, last: number | undefined): Layout | undefined | null {
  if (first === 3 && last === 3) return undefined;
  if (last === 3) return 'nhwc';
  if (first === 3) return 'nchw';
  return first === undefined || last === undefined ? undefined : null;
}
