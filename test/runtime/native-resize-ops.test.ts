import { describe, expect, it } from 'vitest';
import type { HostArray } from '../../src/runtime/tensorflow/index.js';
import { nativeSessions } from '../helpers/native-session.js';
import { difference, noise } from '../helpers/noise.js';
import { canBuildOps, NO_OPS } from '../helpers/op-library.js';
import { placeholder, type TinyNode } from '../helpers/tiny-graph.js';

type Shape = readonly [batch: number, height: number, width: number, channels: number];
type Size = readonly [height: number, width: number];

/** What pixels of a resized row are made of, by the definition: [from, to, weight]. */
function weights(from: number, to: number, nearest: boolean): [number, number, number][] {
  return Array.from({ length: to }, (_, i): [number, number, number][] => {
    if (nearest) return [[Math.floor((i * from) / to), i, 1]];
    const at = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(from - 1, Math.floor(at));
    const share = at - low;
    return [
      [low, i, 1 - share],
      [Math.min(from - 1, low + 1), i, share],
    ];
  }).flat();
}

/** Resizing in double precision, or back: the transposed of the same. */
function reference(values: HostArray, [n, h, w, c]: Shape, [oh, ow]: Size, nearest: boolean, back: boolean) {
  const data = values.data as Float32Array;
  const out = new Float64Array(n * c * (back ? h * w : oh * ow));
  const [rows, columns] = [weights(h, oh, nearest), weights(w, ow, nearest)];
  for (let image = 0; image < n; image++)
    for (const [y, oy, a] of rows)
      for (const [x, ox, b] of columns)
        for (let k = 0; k < c; k++) {
          const small = ((image * h + y) * w + x) * c + k;
          const large = ((image * oh + oy) * ow + ox) * c + k;
          if (back) out[small]! += a * b * data[large]!;
          else out[large]! += a * b * data[small]!;
        }
  return out;
}

const nodes = ([, height, width]: Shape, [oh, ow]: Size, nearest: boolean): TinyNode[] => {
  const size = (a: number, b: number) => ({ height: { i: a }, width: { i: b }, nearest: { b: nearest } });
  return [
    ...['x', 'dy', 'addend'].map((name) => placeholder(name)),
    { name: 'y', op: 'RecnextResize', input: ['x'], attr: size(oh, ow) },
    { name: 'sum', op: 'RecnextResize', input: ['x', 'addend'], attr: { ...size(oh, ow), N: { i: 1 } } },
    { name: 'dx', op: 'RecnextResizeGrad', input: ['dy'], attr: size(height, width) },
  ];
};

describe.skipIf(!canBuildOps)(`our own resizing${NO_OPS}`, () => {
  const session = nativeSessions();
  const feeds = ([n, h, w, c]: Shape, [oh, ow]: Size) =>
    new Map([
      ['x', noise([n, h, w, c], 1)],
      ['dy', noise([n, oh, ow, c], 2)],
      ['addend', noise([n, oh, ow, c], 3)],
    ]);
  const fetches = ['y', 'sum', 'dx'];

  const CASES: readonly (readonly [Shape, Size])[] = [
    [
      [2, 4, 4, 48],
      [7, 7],
    ],
    [
      [3, 7, 7, 20],
      [14, 14],
    ],
    [
      [1, 5, 3, 3],
      [5, 9],
    ],
    [
      [2, 9, 8, 200],
      [4, 3],
    ],
    [
      [1, 1, 1, 1],
      [3, 2],
    ],
  ];
  it.each(CASES.flatMap(([shape, size]) => [false, true].map((nearest) => [shape, size, nearest] as const)))(
    'of %j to %j, nearest: %s, and its gradient, are what the definition says',
    async (shape, size, nearest) => {
      const given = feeds(shape, size);
      const [y, sum, dx] = await (await session(nodes(shape, size, nearest))).run({ feeds: given, fetches });
      const [n, , , c] = shape;
      expect(y!.shape).toEqual([n, ...size, c]);
      expect(dx!.shape).toEqual(shape);
      const expected = reference(given.get('x')!, shape, size, nearest, false);
      const addend = given.get('addend')!.data as Float32Array;
      expect(difference(y!.data as Float32Array, expected)).toBeLessThan(1e-6);
      expect(
        difference(
          sum!.data as Float32Array,
          expected.map((value, i) => value + addend[i]!),
        ),
      ).toBeLessThan(1e-6);
      expect(
        difference(dx!.data as Float32Array, reference(given.get('dy')!, shape, size, nearest, true)),
      ).toBeLessThan(2e-6);
    },
  );

  it('gives the same bits with one thread and with many', async () => {
    const [shape, size] = [[3, 5, 6, 150] as const, [9, 11] as const];
    const run = async (threads: number) =>
      (await session(nodes(shape, size, false), threads)).run({ feeds: feeds(shape, size), fetches });
    expect(await run(7)).toEqual(await run(1));
  });

  it('refuses what does not fit', async () => {
    const [shape, size] = [[2, 3, 3, 4] as const, [6, 6] as const];
    const it = await session(nodes(shape, size, false));
    const run = (name: string, wrong: HostArray, fetch: string) =>
      it.run({ feeds: new Map([...feeds(shape, size), [name, wrong]]), fetches: [fetch] });
    await expect(run('x', noise([3, 3, 4]), 'y')).rejects.toThrow(/x: expected \[batch/);
    await expect(run('addend', noise([2, 6, 5, 4]), 'sum')).rejects.toThrow(
      /addend: expected \[2, 6, 6, 4\], found \[2, 6, 5, 4\]/,
    );
    await expect(run('dy', noise([0, 6, 6, 4]), 'dx')).rejects.toThrow(/dy: expected/);
  });
});
