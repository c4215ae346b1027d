import type { RunRecord } from './run-record.js';

/** An option that is not the same in all runs, and what each has: undefined where it has none. */
export interface Difference {
  readonly option: string;
  readonly values: readonly (string | undefined)[];
}

/** Where a run lies is no part of what it is. */
const IGNORED = new Set(['output-dir']);

/** The options in which runs differ, in the order they first appear. Runs without a configuration (a log alone) don't count. */
export function configDifferences(runs: readonly Pick<RunRecord, 'config'>[]): Difference[] {
  const known = runs.filter(({ config }) => config.size > 0);
  const options = new Set(known.flatMap(({ config }) => [...config.keys()]));
  return [...options]
    .filter(
      (option) => !IGNORED.has(option) && new Set(known.map(({ config }) => config.get(option))).size > 1,
    )
    .map((option) => ({ option, values: runs.map(({ config }) => config.get(option)) }));
}
