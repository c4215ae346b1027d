import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eraseAtRandom, erasedBoxes, type ErasingMode } from '../../../src/data/augment/random-erasing.js';
import { RandomStream, type Draws } from '../../../src/data/random.js';
import { trainTransform } from '../../../src/data/transform-train.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../../helpers/golden.js';
import { goldenTensor, uniformTensor } from '../helpers/golden-tensors.js';
import { noise, readJson } from '../helpers/images.js';

const always = { probability: 1, mode: 'pixel', count: 1 } as const;

/** Erases ones of `size x size` at an address; what isn't one any more was erased. */
function erase(mode: ErasingMode, count: number, index: number, size = 40): Float32Array {
  const values = new Float32Array(size * size * 3).fill(1);
  const draws = new RandomStream({ seed: 0, epoch: 0, index }, 'erasing');
  eraseAtRandom({ probability: 1, mode, count }, values, 0, size, size, draws);
  return values;
}

describe('random erasing', () => {
  it('pixel: normal noise of its own in each value', () => {
    const erased = Array.from({ length: 60 }, (_, i) =>
      [...erase('pixel', 1, i)].filter((v) => v !== 1),
    ).flat();
    const mean = erased.reduce((sum, v) => sum + v, 0) / erased.length;
    const variance = erased.reduce((sum, v) => sum + (v - mean) ** 2, 0) / erased.length;
    expect(erased.length).toBeGreaterThan(10_000);
    expect(new Set(erased).size).toBeGreaterThan(erased.length * 0.99);
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it('rand: one normal colour; const: zeros', () => {
    const colours = erase('rand', 1, 3).filter((v) => v !== 1);
    expect(new Set(colours).size).toBe(3);
    expect([...colours.subarray(0, 3)]).toEqual([...colours.subarray(3, 6)]);
    expect(new Set(erase('const', 1, 3).filter((v) => v !== 1))).toEqual(new Set([0]));
  });

  it('erases up to count boxes, which share the area', () => {
    const counts = new Set<number>();
    for (let index = 0; index < 200; index++) {
      const draws = new RandomStream({ seed: 0, epoch: 0, index }, 'erasing');
      const boxes = erasedBoxes({ ...always, count: 3 }, 100, 100, () => draws.uniform());
      counts.add(boxes.length);
      const area = boxes.reduce((sum, { width, height }) => sum + width * height, 0);
      expect(area).toBeLessThan(3500);
    }
    expect(counts).toEqual(new Set([1, 2, 3]));
  });

  it("comes with its probability, on the normalised values, in timm's place: not under 3-Augment", () => {
    const config = {
      inputSize: [3, 33, 33] as const,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      interpolation: 'bicubic' as const,
    };
    const image = noise(40, 40);
    const run = (more: object, index: number): Float32Array => {
      const out = new Float32Array(33 * 33 * 3);
      trainTransform({ ...config, ...more }).write(image, { seed: 0, epoch: 0, index }, out, 0);
      return out;
    };
    let erased = 0;
    for (let index = 0; index < 400; index++) {
      const plain = run({}, index);
      const found = run({ reprob: 0.25 }, index);
      const changed = found.filter((value, i) => value !== plain[i]).length;
      if (changed > 0) erased++;
      expect(changed).toBeLessThan(plain.length * 0.4);
    }
    expect(erased).toBeGreaterThan(70);
    expect(erased).toBeLessThan(130);
    for (let index = 0; index < 20; index++)
      expect(run({ threeAugment: true, reprob: 1 }, index)).toEqual(run({ threeAugment: true }, index));
  });

  it('refuses impossible settings', () => {
    const config = {
      inputSize: [3, 64, 64] as const,
      mean: [0, 0, 0],
      std: [1, 1, 1],
      interpolation: 'bicubic' as const,
    };
    expect(() => trainTransform({ ...config, reprob: 1.5 })).toThrow(
      'reprob: expected a probability from 0 to 1, found 1.5.',
    );
    expect(() => trainTransform({ ...config, recount: 0 })).toThrow(
      'recount: expected a whole number of 1 or more, found 0.',
    );
  });
});

describe.skipIf(!hasGolden)(`the reference's erasing${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`, () => {
  interface Rectangle {
    h: number;
    w: number;
    uniforms_used: number[];
    top: number;
    left: number;
    height: number;
    width: number;
  }
  const golden = hasGolden
    ? readJson<{
        rectangles: Rectangle[];
        cases: {
          x_key: string;
          shape: number[];
          noise_key: string;
          box_top_left_height_width: number[];
          result: string;
        }[];
      }>(join(GOLDEN, 'recipe/erasing.json'))
    : { rectangles: [], cases: [] };

  it('takes the same boxes from the same uniforms, and as many of them', () => {
    expect(golden.rectangles.length).toBeGreaterThan(0);
    for (const { h, w, uniforms_used: uniforms, top, left, height, width } of golden.rectangles) {
      let used = 0;
      const boxes = erasedBoxes({ ...always, probability: 0.25 }, h, w, () => uniforms[used++]!);
      expect(boxes).toEqual([{ top, left, height, width }]);
      expect(used).toBe(uniforms.length);
    }
    expect(erasedBoxes({ ...always, probability: 0.25 }, 9, 9, () => 0.26)).toEqual([]);
  });

  it('writes the same values for the same noise', () => {
    expect(golden.cases.length).toBeGreaterThan(0);
    for (const { x_key, shape, noise_key, box_top_left_height_width: box, result } of golden.cases) {
      const [channels, height, width] = shape as [number, number, number];
      const batch = [1, channels, height, width] as const;
      const [top, left, boxHeight, boxWidth] = box as [number, number, number, number];
      const values = uniformTensor(x_key, batch);
      const noise = uniformTensor(noise_key, [1, 3, boxHeight, boxWidth]);
      // What the box is drawn from: its area, its aspect and its place, turned round.
      const area = (boxHeight * boxWidth) / (height * width);
      const uniforms = [
        0,
        (area - 0.02) / (1 / 3 - 0.02),
        (Math.log(boxHeight / boxWidth) - Math.log(0.3)) / (Math.log(1 / 0.3) - Math.log(0.3)),
        (top + 0.5) / (height - boxHeight + 1),
        (left + 0.5) / (width - boxWidth + 1),
      ];
      let used = 0;
      const draws: Draws = {
        uniform: () => uniforms[used++]!,
        normal: () => expect.fail('drew a number'),
        normals(out, offset, count) {
          const place = offset / 3 - top * width - left;
          const row = Math.floor(place / width);
          expect(place % width).toBe(0);
          out.set(noise.subarray(row * boxWidth * 3, row * boxWidth * 3 + count), offset);
        },
      };
      eraseAtRandom(always, values, 0, height, width, draws);
      expect(values).toEqual(goldenTensor('recipe/mixup_erasing.safetensors', result, batch));
    }
  });
});
