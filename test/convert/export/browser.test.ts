import * as tf from '@tensorflow/tfjs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtFrom } from '../../../src/convert/load-weights.js';
import { selectBackend } from '../../../src/runtime/backend.js';
import { CHROMIUM, launchChromium, NO_CHROMIUM } from '../../helpers/chromium.js';
import { hostRecNext, someImages, writeExport } from '../../helpers/exports.js';
import { maxAbs, maxAbsDiff } from '../../helpers/models.js';

/** TF.js as a page loads it from a script tag: nothing of ours is in it. */
const TFJS = createRequire(import.meta.url).resolve('@tensorflow/tfjs/dist/tf.min.js');
const [HEIGHT, WIDTH] = [64, 64];
const options = { imgSize: [HEIGHT, WIDTH], numClasses: 12, fuse: 'full' } as const;

declare const window: { tf: typeof tf };

describe.skipIf(CHROMIUM === undefined)(
  `a GraphModel in a browser with stock TF.js${CHROMIUM === undefined ? ` [skipped: ${NO_CHROMIUM}]` : ''}`,
  () => {
    let root: string;
    let browser: Browser;
    beforeAll(async () => {
      await selectBackend('cpu');
      root = await mkdtemp(join(tmpdir(), 'recnext-graph-'));
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      await rm(root, { recursive: true });
    });

    async function inPage(folder: string, backend: string, data: Float32Array): Promise<number[]> {
      const page = await browser.newPage();
      try {
        await page.route('http://localhost/**', async (route) => {
          const name = basename(new URL(route.request().url()).pathname);
          if (name === 'page.html')
            return route.fulfill({ contentType: 'text/html', body: '<!doctype html>' });
          return route.fulfill({ body: await readFile(join(folder, name)) });
        });
        await page.goto('http://localhost/page.html');
        await page.addScriptTag({ path: TFJS });
        return await page.evaluate(
          async ({ backend, values, shape }) => {
            const { tf } = window;
            if (!(await tf.setBackend(backend))) throw new Error(`no ${backend}`);
            const model = await tf.loadGraphModel('http://localhost/model.json');
            const logits = model.predict(tf.tensor4d(values, shape)) as tf.Tensor;
            return [...(await logits.data())];
          },
          { backend, values: [...data], shape: [1, HEIGHT, WIDTH, 3] as [number, number, number, number] },
        );
      } finally {
        await page.close();
      }
    }

    it.each([
      ['recnext_m0', 'webgl'],
      ['recnext_a0', 'webgl'],
      ['recnext_a0', 'cpu'],
    ])('%s on %s', async (name, backend) => {
      const host = hostRecNext(name, options);
      const folder = await mkdtemp(join(root, 'model-'));
      await writeExport(folder, host, 'graph');
      const { data, shape } = someImages(1, HEIGHT, WIDTH);
      const found = Float32Array.from(await inPage(folder, backend, data));
      const model = builtFrom(host);
      const expected = tf.tidy(() => model.forward(tf.tensor4d(data, [...shape])).dataSync<'float32'>());
      model.dispose();
      expect(maxAbsDiff(expected, found) / maxAbs(expected)).toBeLessThan(2e-5);
    });
  },
);
