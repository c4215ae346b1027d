import type { OperationTime } from '../runtime/engines/operation-time.js';

/** Operations of one profiled run of a setting, and what to call it. */
export interface TracedRun {
  readonly name: string;
  readonly operations: readonly OperationTime[];
}

/**
 * A trace that chrome://tracing and ui.perfetto.dev show: a process for each run, a row for each of its threads, an event for each operation with its layer.
 * (Trace Event Format, complete events; times in microseconds.)
 */
export function chromeTrace(runs: readonly TracedRun[]): string {
  const traceEvents = runs.flatMap(({ name, operations }, pid) => [
    { name: 'process_name', ph: 'M', pid, tid: 0, args: { name } },
    ...operations.map(({ operation, layer, thread, start, duration }) => ({
      name: layer === '' ? operation : `${layer}: ${operation}`,
      cat: operation,
      ph: 'X',
      pid,
      tid: thread,
      ts: start,
      dur: duration,
      args: { layer, operation },
    })),
  ]);
  return JSON.stringify({ displayTimeUnit: 'ms', traceEvents });
}
