import type uPlot from 'uplot';

/** One curve: values by position on the axis of epochs, null where there is none. */
export interface ChartLine {
  readonly name: string;
  readonly style: 'solid' | 'dashed' | 'dotted';
  /** Position in `runs`. */
  readonly run: number;
  readonly values: readonly (number | null)[];
}

export interface ChartData {
  /** Names. */
  readonly runs: readonly string[];
  readonly epochs: readonly number[];
  readonly charts: readonly {
    readonly title: string;
    readonly unit: string;
    /** Logarithmic axis. */
    readonly log: boolean;
    readonly lines: readonly ChartLine[];
  }[];
}

/**
 * Runs in the reader's browser: draws the curves and lets tables be sorted. Its text is put into the page as it stands, so nothing
 * outside of it may be used but the browser and what it is given.
 */
export function pageScript(Plot: typeof uPlot): void {
  const data = JSON.parse(document.getElementById('chart-data')!.textContent) as ChartData;
  const first = data.epochs[0]!;
  const last = data.epochs[data.epochs.length - 1]!;
  const hidden = new Set<number>();
  /** What is shown of the axis of epochs, in all charts. */
  let range: [number, number] = [first, last];
  let plots: uPlot[] = [];

  function css(name: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function format(value: number | null, unit: string): string {
    if (value === null) return '–';
    const digits =
      Math.abs(value) < 0.01 && value !== 0 ? value.toExponential(2) : value.toFixed(unit === '%' ? 2 : 4);
    return unit === '' ? digits : `${digits} ${unit}`;
  }

  /** A little more than what is to be seen, and nothing that is no share. */
  function percentRange(_: uPlot, low: number | null, high: number | null): [number, number] {
    const margin = low === null || high === null ? 0 : Math.max(0.5, (high - low) * 0.08);
    return [Math.max(0, (low ?? 0) - margin), Math.min(100, (high ?? 100) + margin)];
  }

  function draw(host: HTMLElement, chart: ChartData['charts'][number]): uPlot {
    const dashes = { solid: [], dashed: [8, 4], dotted: [2, 3] };
    const axis = {
      stroke: css('--text'),
      grid: { stroke: css('--grid'), width: 1 },
      ticks: { stroke: css('--grid'), width: 1 },
    };
    const plot = new Plot(
      {
        width: host.clientWidth,
        height: 300,
        cursor: { sync: { key: 'epochs' }, drag: { x: true, y: false } },
        scales: {
          x: { time: false, range: () => range },
          y: { distr: chart.log ? 3 : 1, ...(chart.unit === '%' && { range: percentRange }) },
        },
        axes: [
          { ...axis, label: 'Epoch', labelSize: 22, size: 40 },
          {
            ...axis,
            size: 64,
            values: (_, ticks) =>
              ticks.map((tick) =>
                tick === null
                  ? ''
                  : chart.log
                    ? tick.toExponential(0)
                    : String(tick) + (chart.unit && ` ${chart.unit}`),
              ),
          },
        ],
        series: [
          { label: 'Epoch' },
          ...chart.lines.map((line) => ({
            label: data.runs.length > 1 ? `${data.runs[line.run]}, ${line.name}` : line.name,
            stroke: css(`--run-${line.run % 8}`),
            width: 2,
            dash: dashes[line.style],
            show: !hidden.has(line.run),
            spanGaps: true,
            points: { show: data.epochs.length < 3 },
            value: (_: uPlot, value: number | null) => format(value, chart.unit),
          })),
        ],
        hooks: {
          setSelect: [
            (self) => {
              if (self.select.width > 0)
                show(
                  self.posToVal(self.select.left, 'x'),
                  self.posToVal(self.select.left + self.select.width, 'x'),
                );
            },
          ],
        },
      },
      [data.epochs, ...chart.lines.map(({ values }) => values)] as uPlot.AlignedData,
      host,
    );
    plot.over.addEventListener('dblclick', () => show(first, last));
    return plot;
  }

  const hosts = Array.from(document.querySelectorAll<HTMLElement>('.chart'));
  function drawAll(): void {
    plots.forEach((plot) => plot.destroy());
    plots = hosts.map((host, i) => draw(host, data.charts[i]!));
  }

  const from = document.getElementById('from') as HTMLInputElement;
  const to = document.getElementById('to') as HTMLInputElement;
  function show(start: number, end: number): void {
    const low = Math.max(first, Math.min(start, end));
    const high = Math.min(last, Math.max(start, end));
    range = high > low ? [low, high] : [first, last];
    from.value = String(Math.round(range[0]));
    to.value = String(Math.round(range[1]));
    for (const plot of plots) {
      plot.setScale('x', { min: range[0], max: range[1] });
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    }
  }
  for (const input of [from, to])
    input.addEventListener('change', () => show(Number(from.value), Number(to.value)));
  document.getElementById('all')!.addEventListener('click', () => show(first, last));

  document.querySelectorAll<HTMLInputElement>('[data-run]').forEach((box) =>
    box.addEventListener('change', () => {
      const run = Number(box.dataset.run);
      if (box.checked) hidden.delete(run);
      else hidden.add(run);
      data.charts.forEach((chart, i) =>
        chart.lines.forEach((line, j) => {
          if (line.run === run) plots[i]!.setSeries(j + 1, { show: box.checked });
        }),
      );
    }),
  );

  /** The arrow keys move the cursor of the chart that has the focus: its legend says the values. */
  hosts.forEach((host, i) =>
    host.addEventListener('keydown', (event) => {
      const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
      if (step === 0) return;
      event.preventDefault();
      const plot = plots[i]!;
      const at = Math.max(
        0,
        Math.min(data.epochs.length - 1, (plot.cursor.idx ?? (step > 0 ? -1 : data.epochs.length)) + step),
      );
      plot.setCursor({ left: plot.valToPos(data.epochs[at]!, 'x'), top: plot.over.clientHeight / 2 });
    }),
  );

  /** Rows sort by the value of a column, numbers by size; the other way round on the second press. */
  document.querySelectorAll<HTMLButtonElement>('th button').forEach((button) =>
    button.addEventListener('click', () => {
      const header = button.closest('th')!;
      const table = header.closest('table')!;
      const column = header.cellIndex;
      const up = header.getAttribute('aria-sort') !== 'ascending';
      table.querySelectorAll('th').forEach((other) => other.removeAttribute('aria-sort'));
      header.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const keyOf = (row: HTMLTableRowElement): string =>
        row.cells[column]!.dataset.value ?? row.cells[column]!.textContent;
      const compare = (a: string, b: string): number =>
        header.dataset.type === 'number'
          ? Number(a) - Number(b)
          : a.localeCompare(b, undefined, { numeric: true });
      const body = table.tBodies[0]!;
      body.append(...Array.from(body.rows).sort((a, b) => (up ? 1 : -1) * compare(keyOf(a), keyOf(b))));
    }),
  );

  drawAll();
  show(first, last);
  const resized = new ResizeObserver(() =>
    plots.forEach((plot, i) => plot.setSize({ width: hosts[i]!.clientWidth, height: 300 })),
  );
  if (hosts.length > 0) resized.observe(hosts[0]!);
  // Colours are drawn, not styled: they follow the scheme only when drawn anew.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
}
