import type { Coefficients } from './filters.js';

/** Rows of RGB bytes; `origin` is the index of the byte that counts as (0, 0). */
export interface Plane {
  readonly data: Uint8Array;
  readonly stride: number;
  readonly origin: number;
}

/** The two passes of a resize, by one implementation or another. */
export interface Passes {
  /** Resizes the rows `top … top + height - 1`; the result starts at row `top`. Undefined: too large for it. */
  horizontal(plane: Plane, columns: Coefficients, top: number, height: number): Plane | undefined;
  /** Resizes the columns `left … left + width - 1`; the result starts at column `left`. Undefined: too large for it. */
  vertical(plane: Plane, rows: Coefficients, left: number, width: number): Plane | undefined;
}
