import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../src/convert/files.js';
import { buildModel } from '../src/models/index.js';
import { selectBackend } from '../src/runtime/backend.js';
import { FakeHub } from './helpers/fake-hub.js';

/** The README's example as it stands there, run and type-checked: only the two addresses are other ones. */
const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const IMAGE = /https:\/\/huggingface\.co\/[^']*\.png/;

let folder: string;
let example: string;
let hub: FakeHub;
let images: Server;
let endpoint: string;
beforeAll(async () => {
  // Inside the package, so that it can be imported by its own name.
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  folder = mkdtempSync(join(ROOT, '.cache', 'readme-'));
  await selectBackend('cpu');
  const model = buildModel('recnext_m3');
  await writeSafetensors(join(folder, 'weights'), model.stateDict());
  model.dispose();
  hub = new FakeHub('suous/recnext_m3.base_300e_in1k');
  hub.files.set('model.safetensors', readFileSync(join(folder, 'weights')));
  endpoint = await hub.start();
  const picture = await sharp({ create: { width: 320, height: 240, channels: 3, background: '#a63' } })
    .png()
    .toBuffer();
  images = createServer((_, response) => response.end(picture));
  await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(images.address() as AddressInfo).port}/picture.png`;
  const code = /```ts\n(import \* as tf[\s\S]*?)```/.exec(README)?.[1] ?? '';
  expect(code).toMatch(IMAGE);
  example = code.replace(IMAGE, address);
}, 60_000);
afterAll(async () => {
  images.close();
  await hub.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the example of the README', () => {
  it('runs as it stands', async () => {
    const script = join(folder, 'example.mjs');
    const show = `console.log(JSON.stringify({ values: [...values.dataSync()], indices: [...indices.dataSync()],
      before: [...output.dataSync()], after: [...model.forward(tf.expandDims(transforms(img))).dataSync()] }));`;
    writeFileSync(script, `${example}\n${show}`);
    const env = { ...process.env, HF_ENDPOINT: endpoint, HF_HUB_CACHE: join(folder, 'hub') };
    const { stdout } = await run(process.execPath, [script], { env, maxBuffer: 1 << 26 });
    const result = JSON.parse(stdout) as Record<'values' | 'indices' | 'before' | 'after', number[]>;
    expect(result.values).toHaveLength(5);
    expect(result.values).toEqual([...result.values].sort((a, b) => b - a));
    expect(result.before).toHaveLength(1000);
    expect(result.before.indexOf(Math.max(...result.before))).toBe(result.indices[0]);
    const largest = Math.max(...result.before.map(Math.abs));
    result.after.forEach((value, i) =>
      expect(Math.abs(value - result.before[i]!) / largest).toBeLessThan(1e-5),
    );
  }, 120_000);

  it('compiles in a strict project', async () => {
    writeFileSync(join(folder, 'example.ts'), `${example}\nexport { values, indices };`);
    const compilerOptions = {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      target: 'es2022',
      skipLibCheck: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['example.ts'] }));
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    await run(process.execPath, [tsc, '-p', folder]);
  }, 60_000);
});
