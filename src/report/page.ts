import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pageScript } from './browser/page-script.js';
import { chartData } from './chart-data.js';
import { markup, Html, jsonFor } from './html.js';
import type { RunRecord } from './run-record.js';
import { classesSection, configSection, curvesSection, summarySection } from './sections.js';
import { STYLE } from './style.js';

/**
 * The page of a report, whole: styles, script, data and pictures are in it, and it may load nothing from anywhere (its content security
 * policy names the one script and the one style sheet by their hashes, so nothing that a run contains could run either).
 */
export async function reportPage(runs: readonly RunRecord[], written: Date): Promise<string> {
  const style = STYLE + (await chartFile('uPlot.min.css'));
  const script = `${await chartFile('uPlot.iife.min.js')}\n(${pageScript.toString()})(uPlot);`;
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const title = runs.length === 1 ? `Training run ${runs[0]!.name}` : `${runs.length} training runs`;
  const data = chartData(runs);
  const page = markup`<!doctype html>
<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        ${element('style', style)}
      </head>
      <body>
        <header>
          <h1>${title}</h1>
          <p class="soft">Written ${written.toISOString().slice(0, 16).replace('T', ' ')} UTC by recnext.</p>
          <nav aria-label="Sections">
            <ul>
              <li><a href="#results">Results</a></li>
              <li><a href="#curves">Curves</a></li>
              <li><a href="#configuration">Configuration</a></li>
              <li><a href="#classes">Classes</a></li>
            </ul>
          </nav>
        </header>
        <main>
          ${summarySection(runs)} ${curvesSection(runs, data)} ${configSection(runs)} ${classesSection(runs)}
        </main>
        <script type="application/json" id="chart-data">
          ${jsonFor(data)}
        </script>
        ${element('script', script)}
      </body>
    </html> `;
  return page.markup;
}

/** With exactly this text in it: its hash is in the policy. */
function element(name: 'style' | 'script', text: string): Html {
  return new Html(`<${name}>${text}</${name}>`);
}

/** A file of uPlot's, which is made to be put into pages. */
async function chartFile(name: string): Promise<string> {
  const text = await readFile(createRequire(import.meta.url).resolve(`uplot/dist/${name}`), 'utf8');
  return text.trim();
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
