import { describe, expect, it } from 'vitest';
import type { HostArray } from '../../src/runtime/tensorflow/index.js';
import { nativeSessions } from '../helpers/native-session.js';
import { difference, noise } from '../helpers/noise.js';
import { canBuildOps, NO_OPS } from '../helpers/op-library.js';
import { placeholder, type TinyNode } from '../helpers/tiny-graph.js';

const EPSILON = 1e-6;

type Shape = readonly [batch: number, height: number, width: number, channels: number];

/** The definition, sum by sum, in double precision. */
function attention(qk: HostArray, v: HostArray, heads: number): Float64Array {
  const [batch, height, width, channels] = v.shape as Shape;
  const keys = qk.shape[3]! / 2;
  const [n, keySize, valueSize] = [height * width, keys / heads, channels / heads];
  const feature = (x: number): number => (x > 0 ? x + 1 : Math.exp(x));
  const y = new Float64Array(v.data.length);
  for (let b = 0; b < batch; b++)
    for (let head = 0; head < heads; head++) {
      const number = (position: number, half: number, i: number): number =>
        feature(Number(qk.data[((b * n + position) * 2 + half) * keys + head * keySize + i]));
      const at = (position: number, i: number): number =>
        (b * n + position) * channels + head * valueSize + i;
      for (let i = 0; i < n; i++) {
        const weights = Array.from({ length: n }, (_, j) => {
          let weight = 0;
          for (let a = 0; a < keySize; a++) weight += number(i, 0, a) * number(j, 1, a);
          return weight / n;
        });
        const sum = weights.reduce((a, c) => a + c, 0);
        for (let c = 0; c < valueSize; c++)
          y[at(i, c)] = weights.reduce((a, w, j) => a + w * Number(v.data[at(j, c)]), 0) / (sum + EPSILON);
      }
    }
  return y;
}

const node = (heads: number, addends: readonly string[] = []): TinyNode => ({
  name: addends.length > 0 ? 'added' : 'y',
  op: 'RecnextLinearAttention',
  input: ['qk', 'v', ...addends],
  attr: { heads: { i: heads }, epsilon: { f: EPSILON }, N: { i: addends.length } },
});

describe.skipIf(!canBuildOps)(`our own linear attention${NO_OPS}`, () => {
  const session = nativeSessions();

  it.each([
    [[2, 14, 14, 96], 192, 4],
    [[1, 3, 5, 40], 60, 5],
    [[3, 4, 4, 24], 48, 1],
    [[2, 1, 1, 6], 4, 2],
  ] as const)('of values %j, %i queries and keys, %i heads', async (shape, both, heads) => {
    const [batch, height, width] = shape;
    const v = noise(shape, 2);
    const raw = noise([batch, height, width, both], 3);
    const qk = { ...raw, data: (raw.data as Float32Array).map((x) => 4 * x) };
    const addend = noise(shape, 4);
    const nodes = [
      placeholder('qk'),
      placeholder('v'),
      placeholder('addend'),
      node(heads),
      node(heads, ['addend']),
    ];
    const feeds = new Map([
      ['qk', qk],
      ['v', v],
      ['addend', addend],
    ]);
    const expected = attention(qk, v, heads);
    for (const threads of [1, 4]) {
      const it = await session(nodes, threads);
      const [y, added] = await it.run({ feeds, fetches: ['y', 'added'] });
      expect(y!.shape).toEqual(shape);
      expect(difference(y!.data as Float32Array, expected)).toBeLessThan(1e-6);
      const sums = expected.map((value, i) => value + Number(addend.data[i]));
      expect(difference(added!.data as Float32Array, sums)).toBeLessThan(1e-6);
    }
  });

  it('keeps a NaN, and holds where exp underflows', async () => {
    const it = await session([placeholder('qk'), placeholder('v'), node(1)]);
    const run = async (qk: readonly number[]): Promise<Float32Array> => {
      const feeds = new Map([
        ['qk', { dtype: 'float32', shape: [1, 1, 2, 2], data: Float32Array.from(qk) } as const],
        ['v', { dtype: 'float32', shape: [1, 1, 2, 1], data: Float32Array.of(1, 3) } as const],
      ]);
      const [y] = await it.run({ feeds, fetches: ['y'] });
      return y!.data as Float32Array;
    };
    // The first position's query is e^-200: nothing is left of its weights but epsilon.
    const [underflown, other] = await run([-200, 0, 0, 0]);
    expect(underflown).toBeCloseTo(0, 6);
    expect(other).toBeCloseTo(2, 5);
    expect((await run([NaN, 0, 0, 0]))[0]).toBeNaN();
  });

  it.each([
    [
      [1, 2, 2, 6],
      [1, 2, 2, 10],
      2,
      /qk: expected the images of v, \[1, 2, 2, 6\], with channels a multiple of 4/,
    ],
    [[1, 2, 2, 5], [1, 2, 2, 8], 2, /v: expected .* channels a multiple of 2, found \[1, 2, 2, 5\]/],
    [[1, 2, 2, 6], [1, 2, 3, 12], 2, /qk: expected the images of v/],
  ] as const)('refuses values %j with queries and keys %j', async (v, qk, heads, message) => {
    const it = await session([placeholder('qk'), placeholder('v'), node(heads)]);
    const feeds = new Map([
      ['qk', noise(qk)],
      ['v', noise(v)],
    ]);
    await expect(it.run({ feeds, fetches: ['y'] })).rejects.toThrow(message);
  });
});
