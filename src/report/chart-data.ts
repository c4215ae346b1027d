import type { ChartData } from './browser/page-script.js';
import type { EpochLine, RunRecord } from './run-record.js';

type Field = Exclude<keyof EpochLine, 'epoch'>;

const CHARTS: readonly {
  title: string;
  unit: string;
  log: boolean;
  lines: readonly { field: Field; name: string; style: 'solid' | 'dashed' | 'dotted' }[];
}[] = [
  {
    title: 'Top-1 accuracy',
    unit: '%',
    log: false,
    lines: [
      { field: 'train_acc1', name: 'training', style: 'dotted' },
      { field: 'test_acc1', name: 'model', style: 'solid' },
      { field: 'test_ema_acc1', name: 'moving average', style: 'dashed' },
    ],
  },
  {
    title: 'Loss',
    unit: '',
    log: false,
    lines: [
      { field: 'train_loss', name: 'training', style: 'dotted' },
      { field: 'test_loss', name: 'validation', style: 'solid' },
      { field: 'test_ema_loss', name: 'validation, moving average', style: 'dashed' },
    ],
  },
  {
    title: 'Top-5 accuracy',
    unit: '%',
    log: false,
    lines: [
      { field: 'test_acc5', name: 'model', style: 'solid' },
      { field: 'test_ema_acc5', name: 'moving average', style: 'dashed' },
    ],
  },
  {
    title: 'Learning rate',
    unit: '',
    log: true,
    lines: [{ field: 'train_lr', name: 'learning rate', style: 'solid' }],
  },
];

/** Curves of several runs on one axis of epochs (counted from 1); lines that no run has are left out. */
export function chartData(runs: readonly RunRecord[]): ChartData {
  const epochs = [...new Set(runs.flatMap((run) => run.epochs.map(({ epoch }) => epoch)))].sort(
    (a, b) => a - b,
  );
  const position = new Map(epochs.map((epoch, i) => [epoch, i]));
  const valuesOf = (run: RunRecord, field: Field): (number | null)[] => {
    const values = new Array<number | null>(epochs.length).fill(null);
    for (const line of run.epochs) values[position.get(line.epoch)!] = line[field] ?? null;
    return values;
  };
  const charts = CHARTS.map(({ lines, ...chart }) => ({
    ...chart,
    lines: runs.flatMap((run, index) =>
      lines
        .map(({ field, ...line }) => ({ ...line, run: index, values: valuesOf(run, field) }))
        .filter(({ values }) => values.some((value) => value !== null)),
    ),
  }));
  return {
    runs: runs.map(({ name }) => name),
    epochs: epochs.map((epoch) => epoch + 1),
    charts: charts.filter(({ lines }) => lines.length > 0),
  };
}
