import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeReport } from '../../src/report/write-report.js';
import { CHROMIUM, launchChromium, NO_CHROMIUM } from '../helpers/chromium.js';
import { fakePerClass, fakeRun, HOSTILE } from './helpers.js';

describe.skipIf(CHROMIUM === undefined)(
  `a report in a browser${CHROMIUM === undefined ? ` [skipped: ${NO_CHROMIUM}]` : ''}`,
  () => {
    let dir: string;
    let browser: Browser;
    let page: Page;
    let url: string;
    const requests: string[] = [];
    const complaints: string[] = [];

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'recnext-report-'));
      const perClass = await fakePerClass(['cat', 'dog', 'fox', HOSTILE, 'owl', 'yak']);
      const common = { model: 'recnext_m1', data: 'photos', seed: 0 };
      const runs = [
        await fakeRun(join(dir, 'first'), {
          config: { ...common, lr: 0.001, 'clip-mode': HOSTILE },
          perClass,
        }),
        await fakeRun(join(dir, 'second'), {
          epochs: 20,
          offset: -5,
          config: { ...common, lr: 0.0005, 'clip-mode': 'agc' },
        }),
        await fakeRun(join(dir, 'third'), { offset: -15 }),
      ];
      await writeReport(runs, join(dir, 'report.html'));
      url = pathToFileURL(join(dir, 'report.html')).href;
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      await rm(dir, { recursive: true });
    });
    beforeEach(async () => {
      requests.length = complaints.length = 0;
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      page.on('request', (request) => requests.push(request.url().slice(0, 80)));
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(url);
    });
    afterEach(async () => {
      expect(complaints).toEqual([]);
      await page.close();
    });

    /** Pixels of a chart that have the colour of a run. */
    const pixelsOf = (chart: number, run: number) =>
      page.evaluate(
        ([i, j]) => {
          const canvas = document.querySelectorAll<HTMLCanvasElement>('.chart canvas')[i]!;
          const color = getComputedStyle(document.documentElement).getPropertyValue(`--run-${j}`).trim();
          const wanted = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
          const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let at = 0; at < data.length; at += 4)
            if (
              wanted.every((value, channel) => Math.abs(data[at + channel]! - value) < 8) &&
              data[at + 3]! > 200
            )
              count++;
          return count;
        },
        [chart, run] as const,
      );

    it('draws the curves of all runs, and asks for nothing but itself', async () => {
      expect(await page.locator('.chart canvas').count()).toBe(4);
      for (const chart of [0, 1, 2, 3])
        for (const run of [0, 1])
          expect(await pixelsOf(chart, run), `chart ${chart}, run ${run}`).toBeGreaterThan(50);
      expect(requests.filter((request) => !request.startsWith('data:'))).toEqual([url.slice(0, 80)]);
    });

    it('shows hostile names and options as text', async () => {
      expect(await page.title()).toBe('3 training runs');
      expect(await page.locator('#classes tbody tr').nth(3).locator('th').textContent()).toBe(HOSTILE);
      expect(await page.locator('#configuration table').first().textContent()).toContain(HOSTILE);
    });

    it('says the best epoch and the last one, and what differs between the runs', async () => {
      const cells = await page.locator('#results tbody tr').first().locator('td').allTextContents();
      expect(cells.map((cell) => cell.replace(/\s+/g, ' ').trim())).toEqual([
        'recnext_m1', '12', '77.00 % epoch 12', '77.00 % epoch 12', '81.00 % epoch 12', '81.00 % epoch 12',
      ]); // prettier-ignore
      const options = await page
        .locator('#configuration table')
        .first()
        .locator('tbody th')
        .allTextContents();
      expect(options).toEqual(['lr', 'clip-mode']);
    });

    it('hides a run by its box, and shows it again', async () => {
      const box = page.getByRole('checkbox', { name: 'second' });
      await box.focus();
      await page.keyboard.press('Space');
      expect(await pixelsOf(0, 1)).toBe(0);
      expect(await pixelsOf(0, 0)).toBeGreaterThan(50);
      await page.keyboard.press('Space');
      expect(await pixelsOf(0, 1)).toBeGreaterThan(50);
    });

    it('zooms all charts by the fields, by drawing a range, and back', async () => {
      const range = () =>
        page
          .locator('#from, #to')
          .evaluateAll((inputs) => inputs.map((input) => Number((input as HTMLInputElement).value)));
      expect(await range()).toEqual([1, 20]);
      const whole = await pixelsOf(3, 0);
      await page.locator('#from').fill('15');
      await page.keyboard.press('Enter');
      expect(await range()).toEqual([15, 20]);
      // The first run has twelve epochs.
      for (const chart of [0, 1, 2, 3]) expect(await pixelsOf(chart, 0)).toBe(0);
      await page.getByRole('button', { name: 'Show all' }).click();
      expect(await range()).toEqual([1, 20]);
      expect(await pixelsOf(3, 0)).toBe(whole);

      const plot = (await page.locator('.u-over').first().boundingBox())!;
      const y = plot.y + plot.height / 2;
      await page.mouse.move(plot.x + plot.width * 0.25, y);
      await page.mouse.down();
      await page.mouse.move(plot.x + plot.width * 0.52, y, { steps: 5 });
      await page.mouse.up();
      expect(await range()).toEqual([6, 11]);
      await page.locator('.u-over').first().dblclick();
      expect(await range()).toEqual([1, 20]);
    });

    it('the arrow keys move the cursor, the legend says the values', async () => {
      await page.locator('.chart').first().focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      const values = await page.locator('.chart').first().locator('.u-legend .u-value').allTextContents();
      expect(values.slice(0, 3)).toEqual(['2', `${(80 * (2 / 12) ** 0.5).toFixed(2)} %`, '13.50 %']);
    });

    it('sorts classes, by keyboard as well', async () => {
      const names = () => page.locator('#classes tbody th').allTextContents();
      await page.getByRole('button', { name: 'Top-1' }).focus();
      await page.keyboard.press('Enter');
      expect(await names()).toEqual([HOSTILE, 'yak', 'owl', 'fox', 'dog', 'cat']);
      await page.keyboard.press('Enter');
      expect((await names())[0]).toBe('cat');
      expect(await page.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('descending');
      await page.getByRole('button', { name: 'Class' }).click();
      expect((await names()).slice(-2)).toEqual(['owl', 'yak']);
    });

    it('shows the most confused pairs with their pictures', async () => {
      const pairs = page.locator('.pairs li');
      expect((await pairs.first().locator('p').textContent())!.replace(/\s+/g, ' ')).toBe(
        'cat taken for dog: 9 of 50 images',
      );
      const sizes = await pairs
        .first()
        .locator('img')
        .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).naturalWidth));
      expect(sizes).toEqual([96, 96, 96]);
    });

    it.each(['light', 'dark'] as const)(
      'is readable in the %s scheme: text has contrast, curves have the colours of the scheme',
      async (colorScheme) => {
        await page.emulateMedia({ colorScheme });
        const ratios = await page.evaluate(() => {
          const luminance = (name: string): number => {
            const color = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
            const [r, g, b] = [1, 3, 5].map((at) => {
              const c = parseInt(color.slice(at, at + 2), 16) / 255;
              return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
          };
          const ratio = (a: string, b: string): number => {
            const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
            return (high! + 0.05) / (low! + 0.05);
          };
          const backs = ['--back', '--card'];
          return {
            text: Math.min(
              ...['--text', '--soft', '--link'].flatMap((name) => backs.map((back) => ratio(name, back))),
            ),
            curves: Math.min(
              ...Array.from({ length: 8 }, (_, i) =>
                Math.min(...backs.map((back) => ratio(`--run-${i}`, back))),
              ),
            ),
          };
        });
        // WCAG 2.2, AA: 4.5 for text, 3 for graphics.
        expect(ratios.text).toBeGreaterThanOrEqual(4.5);
        expect(ratios.curves).toBeGreaterThanOrEqual(3);
        await expect.poll(() => pixelsOf(0, 0)).toBeGreaterThan(50);
      },
    );

    it('fits a screen of 360 pixels', async () => {
      await page.setViewportSize({ width: 360, height: 740 });
      await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
      await expect
        .poll(() =>
          page
            .locator('.chart canvas')
            .evaluateAll((all) => Math.max(...all.map((canvas) => canvas.getBoundingClientRect().right))),
        )
        .toBeLessThanOrEqual(360);
    });

    it('every control has a name', async () => {
      for (const role of ['button', 'checkbox', 'spinbutton', 'region'] as const)
        for (const element of await page.getByRole(role).all())
          expect(
            await element.evaluate(
              (node) =>
                node.ariaLabel ?? (node as HTMLInputElement).labels?.[0]?.textContent ?? node.textContent,
            ),
          ).toMatch(/\w/);
    });
  },
);
