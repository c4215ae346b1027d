import type { PerClass } from '../eval/per-class.js';
import { bestAndLast, type BestAndLast, type BestEpoch } from './best-epochs.js';
import type { ChartData } from './browser/page-script.js';
import { configDifferences } from './compare-configs.js';
import { markup, type Html } from './html.js';
import type { EpochLine, RunRecord } from './run-record.js';
import { runLabel } from './run-label.js';

const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : `${value.toFixed(2)} %`;

/** A table that scrolls in its own box, by keyboard as well. */
function table(label: string, head: Html, rows: readonly Html[]): Html {
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${label}">
    <table>
      <caption>
        ${label}
      </caption>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** How each run did: the best epoch, as papers publish it, and the last. */
export function summarySection(runs: readonly RunRecord[]): Html {
  const cells = (scores: BestAndLast | undefined): Html => {
    const cell = (of: BestEpoch | undefined) =>
      markup`<td class="number">
        ${percent(of?.top1)}${of && markup` <span class="soft">epoch ${of.epoch}</span>`}
      </td>`;
    return markup`${cell(scores?.best)}${cell(scores?.last)}`;
  };
  const rows = runs.map(
    (run, i) =>
      markup`<tr>
        <th scope="row">${runLabel(i, run.name)}</th>
        <td>${run.config.get('model') ?? '–'}</td>
        <td class="number">${run.epochs.length}</td>
        ${cells(bestAndLast(run.epochs, 'test_acc1'))}${cells(bestAndLast(run.epochs, 'test_ema_acc1'))}
      </tr>`,
  );
  const head = markup`<th scope="col">Run</th>
    <th scope="col">Model</th>
    <th scope="col" class="number">Epochs</th>
    <th scope="col" class="number">Best top-1</th>
    <th scope="col" class="number">Last top-1</th>
    <th scope="col" class="number">Best top-1, average</th>
    <th scope="col" class="number">Last top-1, average</th>`;
  return markup`<section id="results">
    <h2>Results</h2>
    <p class="soft">
      Published accuracies are the maximum over epochs; the last epoch is what a run ends with. “Average” is
      the moving average of the weights. Epochs count from 1.
    </p>
    ${table('Top-1 accuracy on the validation images', head, rows)}
  </section>`;
}

const DASHES = { solid: 'solid', dashed: 'dashed', dotted: 'dotted' } as const;

/** Places for the curves, what chooses among them, and the numbers themselves. */
export function curvesSection(runs: readonly RunRecord[], { epochs, charts }: ChartData): Html {
  const [first, last] = [epochs[0]!, epochs.at(-1)!];
  const keys = charts.map(({ lines }) => {
    const styles = new Map(lines.map(({ style, name }) => [style, name]));
    return [...styles].map(([style, name]) => `${DASHES[style]}: ${name}`).join(', ');
  });
  const figures = charts.map(
    ({ title, unit }, i) =>
      markup`<figure>
        <figcaption>${title}${unit && ` (${unit})`} <span class="key">${keys[i]}</span></figcaption>
        <div
          class="chart"
          tabindex="0"
          role="group"
          aria-label="${title}, a curve. The arrow keys move the cursor. The numbers are in the tables below."
        ></div>
      </figure>`,
  );
  const boxes = runs.map(
    ({ name }, i) =>
      markup`<label><input type="checkbox" checked data-run="${i}" /> ${runLabel(i, name)}</label>`,
  );
  return markup`<section id="curves">
    <h2>Curves</h2>
    <div class="controls">
      <fieldset>
        <legend>Runs:</legend>
        ${boxes}
      </fieldset>
    </div>
    <div class="controls">
      <label
        >From epoch <input type="number" id="from" min="${first}" max="${last}" value="${first}"
      /></label>
      <label>to <input type="number" id="to" min="${first}" max="${last}" value="${last}" /></label>
      <button type="button" id="all">Show all</button><span class="soft">or draw a range in a chart</span>
    </div>
    <noscript><p>Curves need JavaScript; the numbers are in the tables below.</p></noscript>
    <div class="charts">${figures}</div>
    ${runs.map((run, i) => epochsTable(run, i))}
  </section>`;
}

const COLUMNS: readonly (readonly [keyof EpochLine, string, (value: number) => string])[] = [
  ['train_lr', 'Learning rate', (value) => value.toExponential(3)],
  ['train_loss', 'Training loss', (value) => value.toFixed(4)],
  ['train_acc1', 'Training top-1', percent],
  ['test_loss', 'Validation loss', (value) => value.toFixed(4)],
  ['test_acc1', 'Top-1', percent],
  ['test_acc5', 'Top-5', percent],
  ['test_ema_loss', 'Validation loss, average', (value) => value.toFixed(4)],
  ['test_ema_acc1', 'Top-1, average', percent],
  ['test_ema_acc5', 'Top-5, average', percent],
];

function epochsTable({ name, epochs }: RunRecord, index: number): Html {
  const columns = COLUMNS.filter(([field]) => epochs.some((line) => line[field] !== undefined));
  const head = markup`<th scope="col" class="number">Epoch</th>
    ${columns.map(([, title]) => markup`<th scope="col" class="number">${title}</th>`)}`;
  const rows = epochs.map((line) => {
    const cells = columns.map(([field, , format]) => {
      const value = line[field];
      return markup`<td class="number">${value === undefined ? '–' : format(value)}</td>`;
    });
    return markup`<tr>
      <th scope="row" class="number">${line.epoch + 1}</th>
      ${cells}
    </tr>`;
  });
  return markup`<details>
    <summary>${runLabel(index, `All epochs of ${name}`)}</summary>
    ${table(`Epochs of ${name}`, head, rows)}
  </details>`;
}

/** What differs between the runs, and the whole of each on demand. */
export function configSection(runs: readonly RunRecord[]): Html {
  const differences = configDifferences(runs);
  const head = markup`<th scope="col">Option</th>
    ${runs.map(({ name }, i) => markup`<th scope="col">${runLabel(i, name)}</th>`)}`;
  const rows = differences.map(
    ({ option, values }) =>
      markup`<tr>
        <th scope="row">${option}</th>
        ${values.map((value) => markup`<td>${value ?? '–'}</td>`)}
      </tr>`,
  );
  const described = runs.filter(({ config }) => config.size > 0).length;
  const text =
    described < 2
      ? markup`<p class="soft">
          ${described === 0 ? 'No run says how it was configured.' : 'One configuration: nothing to compare.'}
        </p>`
      : differences.length === 0
        ? markup`<p class="soft">The runs have the same configuration.</p>`
        : table('Options that differ', head, rows);
  return markup`<section id="configuration">
    <h2>Configuration</h2>
    ${text}${runs.map((run, i) => wholeConfig(run, i))}
  </section>`;
}

function wholeConfig({ name, config }: RunRecord, index: number): Html | undefined {
  if (config.size === 0) return undefined;
  const rows = [...config].map(
    ([option, value]) =>
      markup`<tr>
        <th scope="row">${option}</th>
        <td>${value}</td>
      </tr>`,
  );
  const head = markup`<th scope="col">Option</th>
    <th scope="col">Value</th>`;
  return markup`<details>
    <summary>${runLabel(index, `The whole configuration of ${name}`)}</summary>
    ${table(`Configuration of ${name}`, head, rows)}
  </details>`;
}

/** How each class did and what it is taken for, of every run that knows. */
export function classesSection(runs: readonly RunRecord[]): Html {
  const known = runs.flatMap(({ name, perClass }, i) => (perClass ? [{ name, perClass, i }] : []));
  const content =
    known.length === 0
      ? markup`<p class="soft">
          No run has results by class: <code>recnext report RUN --per-class</code> evaluates the best weights
          of each.
        </p>`
      : known.map(
          ({ name, perClass, i }) =>
            markup`<h3>${runLabel(i, name)}</h3>
              ${evaluated(perClass)}${classTable(name, perClass)}${confusedPairs(perClass)}`,
        );
  return markup`<section id="classes">
    <h2>Classes</h2>
    ${content}
  </section>`;
}

function evaluated({ weights, data, classes }: PerClass): Html {
  const images = classes.reduce((sum, of) => sum + of.images, 0);
  const right = classes.reduce((sum, of) => sum + (of.images * (of.top1 ?? 0)) / 100, 0);
  return markup`<p class="soft">${weights} on ${data}: top-1 ${percent((100 * right) / images)} of ${images} images.</p>`;
}

const CLASS_COLUMNS = [
  ['Class', 'text'],
  ['Images', 'number'],
  ['Top-1', 'number'],
  ['Top-5', 'number'],
  ['Precision', 'number'],
] as const;

function classTable(name: string, { classes }: PerClass): Html {
  const head = CLASS_COLUMNS.map(
    ([title, type]) =>
      markup`<th scope="col" data-type="${type}" ${type === 'number' ? markup` class="number"` : ''}>
        <button type="button">${title}</button>
      </th>`,
  );
  const cell = (value: number | null) =>
    markup`<td class="number" data-value="${value ?? -1}">${percent(value)}</td>`;
  const rows = classes.map(
    (of) =>
      markup`<tr>
        <th scope="row">${of.name}</th>
        <td class="number" data-value="${of.images}">${of.images}</td>
        ${cell(of.top1)}${cell(of.top5)}${cell(of.precision)}
      </tr>`,
  );
  return table(
    `Classes of ${name}: top-1, top-5, and the share of the images taken for the class that are of it`,
    markup`${head}`,
    rows,
  );
}

function confusedPairs({ classes, confused }: PerClass): Html {
  if (confused.length === 0) return markup`<p class="soft">No image was taken for another class.</p>`;
  const items = confused.map(({ label, predicted, count, examples }) => {
    const own = classes[label]!;
    const other = classes[predicted]!.name;
    const figures = examples.map(
      ({ name, confidence, thumbnail }) =>
        markup`<figure title="${name}">
          ${thumbnail && markup`<img src="${thumbnail}" alt="${own.name}, taken for ${other}" width="96" height="96" />`}
          <figcaption>${confidence.toFixed(0)} % sure</figcaption>
        </figure>`,
    );
    const share = own.images > 0 ? ` of ${own.images}` : '';
    return markup`<li>
      <p><strong>${own.name}</strong> taken for <strong>${other}</strong>: ${count}${share} images</p>
      <div class="mistakes">${figures}</div>
    </li>`;
  });
  return markup`<h4>Most confused</h4>
    <ol class="pairs">
      ${items}
    </ol>`;
}
