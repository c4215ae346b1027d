import Table from 'cli-table3';
import { breakdown, type LayerRow } from '../src/models/breakdown.js';
import { listModels } from '../src/models/names.js';
import type { RecNextOptions } from '../src/models/recnext-config.js';
import { summarise, type ModelSummary } from '../src/models/summary.js';
import type { ModelSizeOptions } from './shared/options.js';
import type { Output } from './shared/output.js';
import { COMPACT } from './shared/table.js';

/** Prints the table of models, or one model's layers. */
export function showInfo(
  names: readonly string[],
  options: ModelSizeOptions & { csv?: boolean },
  output: Output,
): void {
  const size: RecNextOptions = { numClasses: options.numClasses, imgSize: options.inputSize };
  const models = names.length === 0 ? listModels('recnext_*') : names.flatMap(expand);
  const summaries = models.map((name) => summarise(name, size));
  const layers = models.length === 1 ? breakdown(models[0]!, size) : undefined;
  if (output.json) {
    const [only] = summaries;
    output.result(layers === undefined ? summaries : [{ ...only, layers }], '');
  } else if (options.csv) {
    process.stdout.write((layers === undefined ? summaryCsv(summaries) : layerCsv(layers)) + '\n');
  } else {
    process.stdout.write(summaryTable(summaries) + '\n');
    if (layers !== undefined) process.stdout.write(layerTable(layers) + '\n');
  }
}

/** A pattern stands for the models it matches; a plain name for itself (and is refused later if unknown). */
function expand(name: string): string[] {
  const matches = name.includes('*') ? listModels(name) : [];
  return matches.length > 0 ? matches : [name];
}

const millions = (n: number): string => (n / 1e6).toFixed(2);
const billions = (n: number): string => (n / 1e9).toFixed(3);
const orDash = (value: number | undefined, digits = 1): string => value?.toFixed(digits) ?? '-';

function summaryTable(summaries: readonly ModelSummary[]): string {
  const table = new Table({
    head: [
      'model',
      'params (M)\nfused',
      'published',
      'GMACs',
      'published',
      'top-1 %\ndistilled',
      'top-1 %\nbase',
      'latency (ms)\niPhone 13',
      'latency (ms)\nCortex-A57',
      'images/s\nRTX 3090',
    ],
    ...COMPACT,
    colAligns: ['left', ...Array<'right'>(9).fill('right')],
  });
  for (const { name, paramsFused, macs, published } of summaries) {
    table.push([
      name,
      millions(paramsFused),
      orDash(published?.params),
      billions(macs),
      orDash(published?.gmacs),
      orDash(published?.top1Dist),
      orDash(published?.top1Base),
      orDash(published?.npuLatencyMs),
      orDash(published?.cpuLatencyMs, 0),
      orDash(published?.throughput, 0),
    ]);
  }
  return table.toString();
}

function layerTable(layers: readonly LayerRow[]): string {
  const table = new Table({
    head: ['layer', 'type', 'output', 'params', 'MACs', 'share', 'stride', 'receptive field'],
    ...COMPACT,
    colAligns: ['left', 'left', ...Array<'right'>(6).fill('right')],
  });
  for (const { path, type, shape, params, macs, share, stride, receptiveField } of layers) {
    table.push([
      path,
      type,
      shape.join('x'),
      params.toLocaleString('en-US'),
      macs.toLocaleString('en-US'),
      `${(100 * share).toFixed(1)} %`,
      stride,
      receptiveField === null ? 'whole image' : receptiveField,
    ]);
  }
  return table.toString();
}

function summaryCsv(summaries: readonly ModelSummary[]): string {
  const head =
    'name,params,params_fused,macs,published_params_m,published_gmacs,top1_dist,top1_base,npu_latency_ms,cpu_latency_ms,throughput';
  const rows = summaries.map(({ name, params, paramsFused, macs, published: p }) =>
    [
      name,
      params,
      paramsFused,
      macs,
      p?.params,
      p?.gmacs,
      p?.top1Dist,
      p?.top1Base,
      p?.npuLatencyMs,
      p?.cpuLatencyMs,
      p?.throughput,
    ]
      .map((value) => value ?? '')
      .join(','),
  );
  return [head, ...rows].join('\n');
}

function layerCsv(layers: readonly LayerRow[]): string {
  const rows = layers.map(({ path, type, shape, params, macs, share, stride, receptiveField }) =>
    [path, type, ...shape, params, macs, share, stride, receptiveField ?? ''].join(','),
  );
  return ['layer,type,height,width,channels,params,macs,share,stride,receptive_field', ...rows].join('\n');
}
