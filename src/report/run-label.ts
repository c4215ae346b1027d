import { markup, type Html } from './html.js';

/** Colours there are: a ninth run has that of the first. */
const COLORS = 8;

/** A run's colour and what is said of it. */
export function runLabel(run: number, text: string): Html {
  return markup`<span class="label"><span class="swatch run-${run % COLORS}" aria-hidden="true"></span><span>${text}</span></span>`;
}
