import { describe, expect, it } from 'vitest';
import { boxMuller } from '../../src/data/box-muller.js';
import type { PURPOSE } from '../../src/data/random.js';
import { permutation, philox4x32, RandomStream } from '../../src/data/random.js';
import { WAYS } from './helpers/ways.js';

const AT = { seed: 1, epoch: 2, index: 3 };

describe('Philox4x32-10', () => {
  // Known answers of the authors' Random123 library (kat_vectors).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('counter %j, key %j', (counter: number[], key: number[], expected: number[]) => {
    const out = new Uint32Array(4);
    philox4x32(counter, key, out);
    expect([...out]).toEqual(expected);
  });
});

describe('streams', () => {
  const first = (address: typeof AT, purpose: keyof typeof PURPOSE): number =>
    new RandomStream(address, purpose).uniform();

  it('depend on every part of the address and on nothing else', () => {
    const draws = [
      first(AT, 'crop'),
      first(AT, 'flip'),
      first({ ...AT, seed: 2 }, 'crop'),
      first({ ...AT, seed: 1 + 2 ** 32 }, 'crop'),
      first({ ...AT, epoch: 3 }, 'crop'),
      first({ ...AT, index: 4 }, 'crop'),
    ];
    expect(new Set(draws).size).toBe(draws.length);
    expect(first({ ...AT }, 'crop')).toBe(draws[0]);
  });

  it('stay what they are: a run resumed with another version draws the same', () => {
    const stream = new RandomStream(AT, 'crop');
    expect([stream.uint32(), stream.uint32(), stream.uint32(), stream.uint32(), stream.uint32()])
      .toMatchInlineSnapshot(`
      [
        4105717351,
        1715200868,
        2081878768,
        2283830007,
        2741197340,
      ]
    `);
  });

  it('are uniform in [0, 1) and normal: mean, variance and the shares of ten intervals', () => {
    const n = 100_000;
    const stream = new RandomStream(AT, 'crop');
    const uniforms = Array.from({ length: n }, () => stream.uniform());
    const normals = Array.from({ length: n }, () => stream.normal());
    const moments = (values: number[]): [number, number] => {
      const mean = values.reduce((a, b) => a + b, 0) / n;
      return [mean, values.reduce((a, b) => a + (b - mean) ** 2, 0) / n];
    };
    expect(Math.min(...uniforms.slice(0, 50_000))).toBeGreaterThanOrEqual(0);
    expect(uniforms.every((u) => u < 1)).toBe(true);
    const [mean, variance] = moments(uniforms);
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    const [normalMean, normalVariance] = moments(normals);
    expect(normalMean).toBeCloseTo(0, 1);
    expect(normalVariance).toBeCloseTo(1, 1);
    for (let bin = 0; bin < 10; bin++)
      expect(uniforms.filter((u) => Math.floor(u * 10) === bin).length / n).toBeCloseTo(0.1, 2);
  });
});

it('normals are those of Box and Muller, to the last bits of a float32', () => {
  const words = Uint32Array.from([
    0, 1, 2, 3, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 0x2000_0000, 0xe000_0001, 77,
  ]);
  const many = new RandomStream(AT, 'erasing');
  const all = Uint32Array.of(
    ...Array.from(words, (first) => Array.from(words, (second) => [first, second])).flat(2),
    ...Array.from({ length: 20_000 }, () => many.uint32()),
  );
  for (const [way, run] of WAYS) {
    const found = new Float32Array(all.length);
    run(() => boxMuller(all, found, 0, all.length));
    for (let i = 0; i < all.length; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((all[i]! + 0.5) / 2 ** 32));
      const angle = (2 * Math.PI * all[i + 1]!) / 2 ** 32;
      // Where the radius is next to nothing, its square is as exact as that of the others.
      const tolerance = Math.max(2e-7 * radius, 2e-5 * Number(radius < 1e-3));
      expect(Math.abs(found[i]! - radius * Math.cos(angle)), `${way} ${i}`).toBeLessThan(tolerance);
      expect(Math.abs(found[i + 1]! - radius * Math.sin(angle)), `${way} ${i}`).toBeLessThan(tolerance);
    }
  }
});

describe('permutations', () => {
  it('hold every number once', () => {
    for (const n of [0, 1, 2, 1000]) {
      const order = permutation(n, new RandomStream(AT, 'shuffle'));
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
    }
  });

  it('are equally likely: each of the six of three', () => {
    const counts = new Map<string, number>();
    for (let index = 0; index < 6000; index++) {
      const key = permutation(3, new RandomStream({ ...AT, index }, 'shuffle')).join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // 1000 each, standard deviation 29: five of them.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(145);
  });
});
