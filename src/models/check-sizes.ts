import { UsageError } from '../errors.js';

/** Sizes that every model has. */
interface Sizes {
  readonly name: string;
  readonly numClasses: number;
  readonly inChans: number;
  readonly imgSize: readonly [number, number];
}

/** Throws UsageError for sizes that no model can have. */
export function checkSizes({ name, numClasses, inChans, imgSize }: Sizes): void {
  wholeNumber(name, numClasses, 0, 'numClasses');
  wholeNumber(name, inChans, 1, 'inChans');
  imgSize.forEach((side) => wholeNumber(name, side, 1, 'imgSize'));
}

export function wholeNumber(name: string, value: number, least: number, what: string): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new UsageError(`${name}: ${what} must be a whole number of ${least} or more, found ${value}`);
}
