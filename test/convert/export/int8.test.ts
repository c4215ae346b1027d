import { cp, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../../src/convert/convert.js';
import { writeSafetensors } from '../../../src/convert/files.js';
import { selectBackend } from '../../../src/runtime/backend.js';
import { hostRecNext } from '../../helpers/exports.js';

const PICTURES = fileURLToPath(new URL('../../fixtures/images', import.meta.url));

describe('ONNX in 8 bits', () => {
  let folder: string;
  let weights: string;
  beforeEach(async () => {
    await selectBackend('cpu');
    folder = await mkdtemp(join(tmpdir(), 'recnext-int8-'));
    weights = join(folder, 'weights.safetensors');
    await writeSafetensors(weights, hostRecNext('recnext_m0', { numClasses: 10 }).state);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const convert = (name: string, options: object) =>
    convertCheckpoint({ weights, output: join(folder, name), to: 'onnx', imgSize: 64, ...options });

  it('is smaller, says how far off it is, and needs images', async () => {
    const float32 = await convert('float32', {});
    const calibration = join(folder, 'pictures');

    await mkdir(calibration);
    for (const name of ['420.jpg', '422-progressive.jpg', '444-rgb-stored.jpg'])
      await cp(join(PICTURES, name), join(calibration, name));
    const int8 = await convert('int8', { quantize: 'int8', calibration });
    expect(float32.maxRelDiff).toBeLessThan(2e-5);
    expect(int8.maxRelDiff).toBeGreaterThan(1e-4);
    expect(int8.maxRelDiff).toBeLessThan(0.1);
    const size = async (name: string) => (await stat(join(folder, name, 'model.onnx'))).size;
    expect((await size('int8')) / (await size('float32'))).toBeLessThan(0.4);
    expect((await readFile(join(folder, 'int8', 'model.onnx'))).includes('QuantizeLinear')).toBe(true);
  });

  it('refuses to guess ranges, and a folder without images', async () => {
    await expect(convert('a', { quantize: 'int8' })).rejects.toThrow(/--calibration DIR go together/);
    await expect(convert('a', { calibration: folder })).rejects.toThrow(/--calibration DIR go together/);
    await expect(convert('a', { quantize: 'int8', calibration: folder })).rejects.toThrow(/no images in it/);
    await expect(convert('a', { quantize: 'int8', calibration: join(folder, 'none') })).rejects.toThrow(
      /none: cannot be read \(ENOENT/,
    );
  });
});
