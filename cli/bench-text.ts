import Table from 'cli-table3';
import type { BenchResult } from '../src/bench/benchmark.js';
import type { Profile, TimeShare } from '../src/bench/profile.js';
import type { BenchSetting } from '../src/bench/setting.js';
import { weightsLabel } from '../src/convert/hub/resolve-weights.js';
import { COMPACT } from './shared/table.js';

/** Layers that a profile shows; the others are one line. */
const SHOWN = 25;

/** Names a setting before it is known what it turns out to be. */
export function settingLabel({ classifier, mode, batchSize, compute }: BenchSetting): string {
  const model = classifier.model ?? weightsLabel(classifier.weights ?? '');
  return `${model}, --mode ${mode}, batch ${batchSize}, engine ${compute.engine}`;
}

/** The results for people. */
export function benchTable(results: readonly BenchResult[]): string {
  const table = new Table({
    head: [
      'model',
      'engine',
      'batch',
      'images/s',
      'quartiles',
      'ms a run\np50',
      'ms a run\np90',
      'processor\nms',
      'first run\nms',
      'peak\nMB',
      'runs',
    ],
    colAligns: ['left', 'left', ...Array<'right'>(9).fill('right')],
    ...COMPACT,
  });
  for (const result of results) {
    const [low, high] = result.imagesPerSecondQuartiles;
    table.push([
      result.model + (result.fused ? ' fused' : ''),
      engineName(result),
      result.batchSize,
      digits(result.imagesPerSecond),
      `${digits(low)} – ${digits(high)}`,
      digits(result.latencyMs.p50),
      digits(result.latencyMs.p90),
      digits(result.cpuMs),
      digits(result.firstRunMs),
      result.peakMemoryMB.toFixed(0),
      result.runs,
    ]);
  }
  const { mode, device, threads, cpu, loadAverage } = results[0]!;
  const versions = Object.entries(Object.assign({}, ...results.map((result) => result.versions)) as object);
  return [
    `${mode === 'train' ? 'training' : 'inference'} on ${device}, ${cpu}, ${threads} threads, load ${loadAverage.toFixed(2)}`,
    versions.map(([name, version]) => `${name} ${version}`).join(', '),
    table.toString(),
  ].join('\n');
}

/** What computed, in one word: the backend where there is no engine beside it. */
function engineName({ engine, backend, ownOperations, amp }: BenchResult): string {
  const name = engine === 'eager' ? `eager, ${backend}` : engine;
  return [name, ...(ownOperations ? ['own operations'] : []), ...(amp === undefined ? [] : [amp])].join(', ');
}

/** A line a setting below a line of names. */
export function benchCsv(results: readonly BenchResult[]): string {
  const rows = results.map((result) => ({
    model: result.model,
    mode: result.mode,
    batch_size: result.batchSize,
    input_size: result.inputSize,
    images_per_second: result.imagesPerSecond,
    images_per_second_q1: result.imagesPerSecondQuartiles[0],
    images_per_second_q3: result.imagesPerSecondQuartiles[1],
    latency_ms_p50: result.latencyMs.p50,
    latency_ms_p90: result.latencyMs.p90,
    latency_ms_min: result.latencyMs.min,
    cpu_ms: result.cpuMs,
    open_ms: result.openMs,
    first_run_ms: result.firstRunMs,
    runs: result.runs,
    warm_up: result.warmUp,
    peak_memory_mb: result.peakMemoryMB,
    engine: result.engine,
    backend: result.backend,
    own_operations: result.ownOperations,
    device: result.device,
    threads: result.threads,
    amp: result.amp ?? '',
    fused: result.fused,
    random_weights: result.randomWeights,
    distillation: result.distillation ?? '',
    cpu: result.cpu,
    load_average: result.loadAverage,
    recnext: result.versions.recnext,
    node: result.versions.node,
    tfjs: result.versions.tfjs,
    tensorflow: result.versions.tensorflow ?? '',
    onnxruntime: result.versions.onnxruntime ?? '',
  }));
  const line = (cells: readonly unknown[]): string =>
    cells.map((value) => cell(String(value))).join(',') + '\n';
  return line(Object.keys(rows[0]!)) + rows.map((row) => line(Object.values(row))).join('');
}

const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Where the time of a setting goes, by layer and by operation. */
export function profileTables(result: BenchResult, { layers, operations }: Profile): string {
  const { model, batchSize } = result;
  const total = operations.reduce((sum, { ms }) => sum + ms, 0);
  const rest = layers.slice(SHOWN);
  const sum = (of: (share: TimeShare) => number) => rest.reduce((all, share) => all + of(share), 0);
  const shown =
    rest.length < 2
      ? layers
      : [
          ...layers.slice(0, SHOWN),
          {
            name: `${rest.length} others`,
            ms: sum(({ ms }) => ms),
            share: sum(({ share }) => share),
            count: sum(({ count }) => count),
          },
        ];
  return [
    `${model}, ${engineName(result)}, batch ${batchSize}: ${digits(total)} ms of operations a run, all threads together, while profiled (${digits(result.latencyMs.p50)} ms a run otherwise)`,
    shareTable('layer', shown),
    shareTable('operation', operations),
  ].join('\n');
}

function shareTable(what: string, shares: readonly TimeShare[]): string {
  const table = new Table({
    head: [what, 'ms', '%', 'operations'],
    colAligns: ['left', 'right', 'right', 'right'],
    ...COMPACT,
  });
  for (const { name, ms, share, count } of shares)
    table.push([
      name === '' ? '(outside of layers)' : name,
      ms.toFixed(2),
      (100 * share).toFixed(1),
      Math.round(count),
    ]);
  return table.toString();
}

/** Three digits that count, and no more places than that takes. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
