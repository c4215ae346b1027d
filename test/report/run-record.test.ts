import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bestAndLast } from '../../src/report/best-epochs.js';
import { chartData } from '../../src/report/chart-data.js';
import { configDifferences } from '../../src/report/compare-configs.js';
import { readRuns } from '../../src/report/run-record.js';
import { writeReport } from '../../src/report/write-report.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { fakePerClass, fakeRun } from './helpers.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recnext-runs-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function logFile(name: string, text: string): Promise<string> {
  await mkdir(join(dir, name), { recursive: true });
  await writeFile(join(dir, name, 'log.txt'), text);
  return join(dir, name);
}

describe.skipIf(!hasGolden)(`the published runs${hasGolden ? '' : ` [skipped: ${NO_GOLDEN}]`}`, () => {
  it('have the best and last epochs that are known of them', async () => {
    const logs = join(GOLDEN, 'logs');
    const summary = JSON.parse(await readFile(join(logs, 'summary.json'), 'utf8')) as Record<
      string,
      { epochs: number; last: number; max: number; epoch_of_max: number }
    >;
    const names = Object.keys(summary);
    expect(names.length).toBeGreaterThan(30);
    const runs = await readRuns(names.map((name) => join(logs, name)));
    runs.forEach(({ epochs }, i) => {
      const { epochs: count, last, max, epoch_of_max } = summary[names[i]!]!;
      expect(epochs).toHaveLength(count);
      const scores = bestAndLast(epochs, 'test_acc1')!;
      expect(scores.best).toEqual({ epoch: epoch_of_max + 1, top1: max });
      expect(scores.last.top1).toBe(last);
      expect(bestAndLast(epochs, 'test_ema_acc1')).toBeUndefined();
    });
  });
});

describe('what is read of a run', () => {
  it('a log with numbers that are none, an epoch done twice, a line cut off', async () => {
    const path = await logFile(
      'odd',
      '{"epoch": 1, "train_loss": NaN, "test_acc1": 5}\n{"epoch": 0, "train_loss": 3, "test_loss": -Infinity}\n\n{"epoch": 1, "train_loss": 2, "unknown": "x"}\n{"epoch": 2, "train_l',
    );
    const [run] = await readRuns([path]);
    expect(run!.epochs.map(({ epoch, train_loss, test_loss }) => [epoch, train_loss, test_loss])).toEqual([
      [0, 3, undefined],
      [1, 2, undefined],
    ]);
  });

  it('runs are told apart by as much of their paths as it takes', async () => {
    const paths = ['a/run', 'b/run', 'c'].map((name) => join(dir, name));
    for (const path of paths) await fakeRun(path);
    const names = (await readRuns([...paths, join(dir, 'c/log.txt')])).map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual([expect.stringMatching(/a\/run/), expect.stringMatching(/b\/run/)]);
    expect(new Set(names).size).toBe(4);
    expect((await readRuns(paths)).map(({ name }) => name.split('/').slice(-2).join('/'))).toEqual([
      'a/run',
      'b/run',
      expect.stringMatching(/c$/),
    ]);
  });

  it('curves of runs of different lengths stand on one axis', async () => {
    const runs = await readRuns([
      await logFile('short', '{"epoch": 0, "train_loss": 3}\n{"epoch": 2, "train_loss": 1}\n'),
      await logFile('long', '{"epoch": 1, "train_loss": 2.5}\n{"epoch": 3, "train_loss": 0.5}\n'),
    ]);
    expect(chartData(runs)).toMatchObject({
      runs: ['short', 'long'],
      epochs: [1, 2, 3, 4],
      charts: [
        {
          title: 'Loss',
          lines: [
            { run: 0, values: [3, null, 1, null] },
            { run: 1, values: [null, 2.5, null, 0.5] },
          ],
        },
      ],
    });
  });

  it('only options that differ are told, without where the run lies', () => {
    const config = (options: Record<string, string>) => ({ config: new Map(Object.entries(options)) });
    const runs = [config({ lr: '1', 'output-dir': 'a', opt: 'adamw' }), config({}), config({ lr: '2', 'output-dir': 'b', opt: 'adamw', aa: 'x' })]; // prettier-ignore
    expect(configDifferences(runs)).toEqual([
      { option: 'lr', values: ['1', undefined, '2'] },
      { option: 'aa', values: [undefined, undefined, 'x'] },
    ]);
    expect(configDifferences(runs.slice(0, 1))).toEqual([]);
  });

  it.each([
    ['nothing there', () => join(dir, 'none'), /none does not exist: expected the folder of a run/],
    ['a folder without a log', () => dir, /holds no log\.txt: expected the folder of a run that has done an epoch/],
    ['an empty log', () => logFile('empty', '\n'), /empty.log\.txt: no epoch in it yet/],
    ['a log that is none', () => logFile('text', 'hello\nworld\n{"epoch": 1}\n'), /text.log\.txt, line 1: not a line of a training log/],
    ['an epoch that is no number', () => logFile('word', '{"epoch": "1"}\n{"epoch": 1}\n'), /line 1/],
    ['a configuration that is a list', async () => fakeRun(join(dir, 'list'), { config: [1] as never }), /config\.yaml: expected "option: value" lines/],
    ['results by class of something else', async () => {
      const path = await fakeRun(join(dir, 'foreign'));
      await writeFile(join(path, 'per-class.json'), '{"version": 1, "classes": []}');
      return path;
    }, /per-class\.json: not the results by class/],
    ['a picture that is an address', async () => {
      const perClass = await fakePerClass(['a', 'b', 'c', 'd']);
      perClass.confused[0]!.examples[0]!.thumbnail = 'https://example.com/x.jpg';
      return fakeRun(join(dir, 'address'), { perClass });
    }, /per-class\.json: not the results by class/],
    ['a pair of a class that is not there', async () => {
      const perClass = await fakePerClass(['a', 'b', 'c']);
      return fakeRun(join(dir, 'outside'), { perClass });
    }, /per-class\.json: not the results by class/],
  ])('refuses %s in one line', async (_title, path, message) => {
    const error = await readRuns([await path()]).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(message) as string });
    expect((error as Error).message).not.toContain('\n');
  }); // prettier-ignore

  it('a report that cannot be written leaves nothing behind', async () => {
    const run = await fakeRun(join(dir, 'fine'));
    await expect(writeReport([run], join(dir, 'no/report.html'))).rejects.toThrow(
      /no.report\.html: the folder .* does not exist/,
    );
  });
});
