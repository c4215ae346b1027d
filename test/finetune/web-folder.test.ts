import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/convert/files.js';
import { loadModel } from '../../src/convert/load-weights.js';
import { timmConfig } from '../../src/convert/write/timm-config.js';
import { Predictor } from '../../src/eval/predict.js';
import { writeWebFolder } from '../../src/finetune/web-folder.js';
import { buildModel } from '../../src/models/index.js';
import { eagerEngine } from '../../src/runtime/engines/eager.js';
import { selectBackend } from '../../src/runtime/backend.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLASSES = ['cat', 'dog', 'a "class" with `marks`'];

let folder: string;
let weights: string;
let web: string;
let server: Server;
beforeAll(async () => {
  await selectBackend('cpu');
  // Inside the package, so that it can be imported by its own name.
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  folder = mkdtempSync(join(ROOT, '.cache', 'web-'));
  weights = join(folder, 'weights');
  web = join(folder, 'web');
  mkdirSync(weights);
  const model = buildModel('recnext_m0', { numClasses: CLASSES.length, imgSize: 64, seed: 5 });
  await writeSafetensors(join(weights, 'model.safetensors'), model.stateDict());
  writeFileSync(join(weights, 'config.json'), JSON.stringify(timmConfig(model.config, CLASSES)));
  model.dispose();
  const result = await writeWebFolder(weights, web, { top1: 87.5, images: 24 });
  expect(result).toMatchObject({ fused: 'full', numClasses: 3 });
  server = createServer((request, response) => response.end(readFileSync(join(web, basename(request.url!)))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

it('says what was measured', () => {
  expect(readFileSync(join(web, 'README.md'), 'utf8')).toContain(
    'recnext_m0, 3 classes, batch norms folded. Top-1 accuracy 87.50 % on 24 pictures',
  );
});

it('the code in its README classifies as the program does', async () => {
  // Twice the size and of smooth colour: what is left of the difference between Pillow's resizing and a browser's is small.
  const size = 146;
  const pixels = Buffer.from(
    Array.from({ length: size * size }, (_, i) => [40 + (i % size), 200 - Math.floor(i / size), 90]).flat(),
  );
  const png = await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer();
  const { model, classNames } = await loadModel({ weights });
  const { top } = await new Predictor(eagerEngine(model), model.dataConfig, classNames).predict(
    png,
    'picture',
    1,
  );
  model.dispose();

  const code = /```js\n([\s\S]*?)```/.exec(readFileSync(join(web, 'README.md'), 'utf8'))![1]!;
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.json`;
  const script = join(folder, 'page.mjs');
  writeFileSync(
    script,
    `${code.replace("'model.json'", `'${address}'`)}
const data = new Uint8Array(${size * size * 4}).fill(255);
const rgb = (await import('node:fs')).readFileSync(${JSON.stringify(join(folder, 'pixels'))});
for (let i = 0; i < ${size * size}; i++) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
console.log(JSON.stringify(classify({ width: ${size}, height: ${size}, data })));`,
  );
  writeFileSync(join(folder, 'pixels'), pixels);
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  const { name, probability } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
    name: string;
    probability: number;
  };
  expect(name).toBe(top[0]!.label);
  expect(probability).toBeCloseTo(top[0]!.probability, 2);
});
