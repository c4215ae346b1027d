// Draws the accuracy of training runs over their epochs: as text, and as a page that needs nothing else.
import asciichart from 'asciichart';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const COLUMNS_PER_EPOCH = 6;
const COLOURS = ['#2a6f97', '#c1440e'];

/** One entry an epoch. */
export function readLog(path) {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

export function terminalChart(curves) {
  const series = curves.map(({ log }) => stretch(log.map(({ test_acc1 }) => test_acc1)));
  const chart = asciichart.plot(series, {
    height: 10,
    min: 0,
    max: 100,
    format: (value) => value.toFixed(0).padStart(5),
  });
  return `test accuracy in percent, by epoch (${curves.map(({ name }) => name).join(' and ')})\n${chart}`;
}

/** The chart draws one column a value: a line through the values, wide enough to see. */
function stretch(values) {
  const last = values.length - 1;
  return Array.from({ length: COLUMNS_PER_EPOCH * last + 1 }, (_, i) => {
    const [before, part] = [Math.floor(i / COLUMNS_PER_EPOCH), (i % COLUMNS_PER_EPOCH) / COLUMNS_PER_EPOCH];
    return values[before] + part * ((values[before + 1] ?? values[before]) - values[before]);
  });
}

/** @param curves `{name, log}`: a curve of test accuracy and one of training loss for each */
export function writeChart(path, curves) {
  const script = readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8');
  const style = readFileSync(require.resolve('uplot/dist/uPlot.min.css'), 'utf8');
  const epochs = Math.max(...curves.map(({ log }) => log.length));
  const column = (log, key) => Array.from({ length: epochs }, (_, i) => log[i]?.[key] ?? null);
  const x = Array.from({ length: epochs }, (_, i) => i + 1);
  const charts = [
    { title: 'Test accuracy, percent', data: [x, ...curves.map(({ log }) => column(log, 'test_acc1'))] },
    { title: 'Training loss', data: [x, ...curves.map(({ log }) => column(log, 'train_loss'))] },
  ];
  const series = curves.map(({ name }, i) => ({
    label: name,
    stroke: COLOURS[i % COLOURS.length],
    width: 2,
  }));
  writeFileSync(path, page(style, script, charts, series));
}

function page(style, script, charts, series) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Learning curves</title>
<style>${style} body { font: 15px system-ui, sans-serif; margin: 2rem; color: #222; } .uplot { margin-bottom: 2rem; }</style>
<h1>Learning curves</h1>
<main></main>
<script>${script}</script>
<script>
const charts = ${JSON.stringify(charts)};
const series = ${JSON.stringify(series)};
for (const { title, data } of charts) {
  new uPlot({
    title, width: 760, height: 320,
    scales: { x: { time: false } },
    axes: [{ label: 'epoch' }, {}],
    series: [{ label: 'epoch' }, ...series.map((s) => ({ ...s, points: { show: true } }))],
  }, data, document.querySelector('main'));
}
</script>
</html>
`;
}
