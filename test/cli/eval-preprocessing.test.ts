import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { noise } from '../data/helpers/images.js';
import { describeBackends } from '../helpers/backends.js';
import { runCli } from './helpers/run-cli.js';

describeBackends(['wasm'], 'recnext eval with another preprocessing', (backend) => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-cli-'));
    for (const [label, name] of ['a', 'b', 'c'].entries()) {
      await mkdir(join(dir, name));
      const { data, width, height } = noise(60, 40, label + 1);
      await sharp(data, { raw: { width, height, channels: 3 } }).toFile(join(dir, name, '0.png'));
    }
  });
  afterAll(() => rm(dir, { recursive: true }));

  const evaluate = (...more: (string | number)[]) =>
    runCli(
      ...['eval', '--model', 'recnext_m0', '--random-weights', '--num-classes', 3, '--data', dir],
      ...['--input-size', 33, '--backend', backend, '--engine', 'eager', '--json', '--quiet'],
      ...more,
    );

  it('scores with the filter, crop and flip asked for, and tells them', async () => {
    const report = async (...options: (string | number)[]) => {
      const { code, stdout, stderr } = await evaluate(...options);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout) as { loss: number; pipeline: object };
    };
    const plain = await report();
    const squashed = await report('--crop-mode', 'squash', '--crop-pct', 0.9, '--interpolation', 'bilinear');
    const flipped = await report('--tta');
    expect(plain.pipeline).toMatchObject({
      interpolation: 'bicubic',
      cropPct: 0.875,
      cropMode: 'center',
      tta: false,
    });
    expect(squashed.pipeline).toMatchObject({
      interpolation: 'bilinear',
      cropPct: 0.9,
      cropMode: 'squash',
      tta: false,
    });
    expect(flipped.pipeline).toMatchObject({ cropMode: 'center', tta: true });
    expect(new Set([plain.loss, squashed.loss, flipped.loss]).size).toBe(3);
  });

  it('refuses what there is not', async () => {
    expect(await evaluate('--crop-mode', 'middle')).toMatchObject({ code: 2 });
    expect(await evaluate('--crop-pct', '1.5')).toMatchObject({ code: 2 });
  });
});
