import type { OperationTime } from '../runtime/engines/operation-time.js';

/** What a layer, or an operation, took of a run. */
export interface TimeShare {
  readonly name: string;
  /** Mean over the profiled runs, of all threads together: what runs side by side counts twice. */
  readonly ms: number;
  /** Of all operations, of 1. */
  readonly share: number;
  /** Operations of a run. */
  readonly count: number;
}

/** A profile of one setting, in the order of time. */
export interface Profile {
  /** By module, as the checkpoint names it; empty: outside of any. */
  readonly layers: readonly TimeShare[];
  readonly operations: readonly TimeShare[];
}

/** @param runs the operations of each profiled run, at least one */
export function profileOf(runs: readonly (readonly OperationTime[])[]): Profile {
  return {
    layers: grouped(runs, ({ layer }) => layer),
    operations: grouped(runs, ({ operation }) => operation),
  };
}

function grouped(
  runs: readonly (readonly OperationTime[])[],
  nameOf: (operation: OperationTime) => string,
): TimeShare[] {
  const groups = new Map<string, { duration: number; count: number }>();
  let total = 0;
  for (const operation of runs.flat()) {
    const name = nameOf(operation);
    const { duration, count } = groups.get(name) ?? { duration: 0, count: 0 };
    groups.set(name, { duration: duration + operation.duration, count: count + 1 });
    total += operation.duration;
  }
  return [...groups]
    .map(([name, { duration, count }]) => ({
      name,
      ms: duration / 1000 / runs.length,
      share: total === 0 ? 0 : duration / total,
      count: count / runs.length,
    }))
    .sort((a, b) => b.ms - a.ms);
}
