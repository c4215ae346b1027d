import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/data/decode.js';
import { normalisationTable } from '../../src/data/transform.js';
import { evalGeometry, evalTransform, type EvalConfig } from '../../src/data/transform-eval.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { sampleIndices } from '../helpers/synthetic.js';
import { difference, goldenImage, noise, readJson, sha256 } from './helpers/images.js';
import { WAYS } from './helpers/ways.js';

const ADDRESS = { seed: 0, epoch: 0, index: 0 };
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

function config(size: number, more: Partial<EvalConfig> = {}): EvalConfig {
  return {
    inputSize: [3, size, size],
    ...IMAGENET,
    interpolation: 'bicubic',
    cropPct: 0.875,
    cropMode: 'center',
    ...more,
  };
}

interface GoldenFile {
  decoded_size_wh: [number, number];
  resized_size_wh: [number, number];
  crop_left_top: [number, number];
  crop_sha256: string;
  squash_sha256: string;
  tensor_chw_sha256: string;
  tensor: { index: number[]; value: number[] };
}
interface GoldenIndex {
  files: Record<string, GoldenFile>;
  resize_size_by_input_size: Record<string, number>;
  timm_resize_size_by_input_size: Record<string, number>;
  other_sizes: Record<string, { crop_sha256: string }>;
}

describe('the geometry of evaluation', () => {
  it('brings inputs up to 32 to their size without a margin, and leaves those of that size alone', () => {
    const small = config(32);
    expect(evalGeometry(8, 8, small)).toMatchObject({ width: 32, height: 32, window: { left: 0, top: 0 } });
    expect(evalGeometry(8, 4, small)).toMatchObject({ width: 64, height: 32, window: { left: 16, top: 0 } });
    const image = noise(32, 32);
    expect(difference(evalTransform(small).pixels(image, ADDRESS), image)).toBeUndefined();
    expect(evalGeometry(40, 40, config(33))).toMatchObject({
      width: 37,
      height: 37,
      window: { left: 2, top: 2 },
    });
  });

  it('rounds half of an odd margin to the even number', () => {
    expect(evalGeometry(373, 283, config(224)).window).toMatchObject({ left: 56, top: 16 });
    expect(evalGeometry(341, 256, config(224)).window.left).toBe(58); // 58.5
    expect(evalGeometry(383, 256, config(224)).window.left).toBe(80); // 79.5
  });

  it('squash ignores the shape, with and without a margin', () => {
    expect(evalGeometry(500, 100, config(224, { cropMode: 'squash' }))).toMatchObject({
      width: 256,
      height: 256,
    });
    expect(evalGeometry(500, 100, config(224, { cropMode: 'squash', cropPct: 1 }))).toMatchObject({
      width: 224,
      height: 224,
      window: { left: 0, top: 0 },
    });
  });

  it('border shows all of the picture on the mean colour', () => {
    const options = config(64, { cropMode: 'border', cropPct: 1 });
    expect(evalGeometry(128, 50, options)).toEqual({
      width: 64,
      height: 25,
      window: { left: 0, top: -19, width: 64, height: 64 },
    });
    const image = noise(128, 50);
    const { data } = evalTransform(options).pixels(image, ADDRESS);
    const row = (y: number): number[] => [...data.subarray(y * 64 * 3, y * 64 * 3 + 3)];
    expect([row(0), row(18), row(44), row(63)]).toEqual(Array(4).fill([124, 116, 104]));
    const inside = evalTransform(config(25, { inputSize: [3, 25, 64], cropMode: 'squash', cropPct: 1 }));
    expect(data.subarray(19 * 64 * 3, 44 * 64 * 3)).toEqual(inside.pixels(image, ADDRESS).data);
  });

  it('refuses impossible settings', () => {
    expect(() => evalTransform(config(224, { cropPct: 1.1 }))).toThrow(
      'crop-pct: expected a share above 0 and up to 1',
    );
    expect(() => evalTransform(config(224, { inputSize: [1, 224, 224], mean: [0.5], std: [0.5] }))).toThrow(
      'images are read as RGB',
    );
  });
});

it('writes normalised NHWC values where it is told', () => {
  const image = noise(40, 40);
  const transform = evalTransform(config(32));
  const size = 32 * 32 * 3;
  const out = new Float32Array(3 * size).fill(7);
  transform.write(image, ADDRESS, out, size);
  const { data } = transform.pixels(image, ADDRESS);
  const table = normalisationTable(IMAGENET.mean, IMAGENET.std);
  expect(out.subarray(size, 2 * size)).toEqual(
    Float32Array.from(data, (byte, i) => table[(i % 3) * 256 + byte]!),
  );
  expect(new Set([...out.subarray(0, size), ...out.subarray(2 * size)])).toEqual(new Set([7]));
});

describe.skipIf(!hasGolden)(`the reference pipeline${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`, () => {
  const index = hasGolden
    ? readJson<GoldenIndex>(join(GOLDEN, 'images/index.json'))
    : ({ files: {}, other_sizes: {} } as GoldenIndex);

  it('normalises every byte to the same float32', () => {
    const bytes = new Uint8Array(readFileSync(join(GOLDEN, 'images/normalise_3x256.f32')));
    expect(normalisationTable(IMAGENET.mean, IMAGENET.std)).toEqual(new Float32Array(bytes.buffer));
  });

  it.each(Object.entries(index.files))('%s: crop, squash and tensor', async (name, expected) => {
    const image = await decodeImage(readFileSync(join(GOLDEN, 'images/input', name)), name);
    const { width, height, window } = evalGeometry(image.width, image.height, config(224));
    expect([width, height]).toEqual(expected.resized_size_wh);
    expect([window.left, window.top]).toEqual(expected.crop_left_top);

    const transform = evalTransform(config(224));
    const squash = evalTransform(config(224, { cropMode: 'squash', cropPct: 1 }));
    const golden = await goldenImage(`images/crop224/${name}.png`);
    for (const [way, run] of WAYS) {
      const crop = run(() => transform.pixels(image, ADDRESS));
      expect(difference(crop, golden), way).toBeUndefined();
      expect(sha256(crop.data), way).toBe(expected.crop_sha256);
      expect(sha256(run(() => squash.pixels(image, ADDRESS)).data), way).toBe(expected.squash_sha256);

      const nhwc = new Float32Array(224 * 224 * 3);
      run(() => transform.write(image, ADDRESS, nhwc, 0));
      const chw = Float32Array.from(nhwc, (_, i) => nhwc[(i % 50_176) * 3 + Math.floor(i / 50_176)]!);
      expect(sampleIndices(chw.length, 16)).toEqual(expected.tensor.index);
      expect(expected.tensor.index.map((i) => chw[i])).toEqual(expected.tensor.value.map(Math.fround));
      expect(sha256(chw), way).toBe(expected.tensor_chw_sha256);
    }
  });

  it.each(['64', '192', '288'])('input size %s', async (size) => {
    const image = await goldenImage('images/decoded/cat_odd.jpg.png');
    const found = evalTransform(config(Number(size))).pixels(image, ADDRESS);
    expect(sha256(found.data)).toBe(index.other_sizes[size]!.crop_sha256);
  });

  it('resizes to the same short side for every input size', () => {
    for (const table of [index.resize_size_by_input_size, index.timm_resize_size_by_input_size])
      for (const [size, short] of Object.entries(table))
        expect(evalGeometry(1000, 1000, config(Number(size))).height, size).toBe(short);
  });
});
