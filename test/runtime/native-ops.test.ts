import { describe, expect, it } from 'vitest';
import type { HostArray } from '../../src/runtime/tensorflow/index.js';
import { nativeSessions } from '../helpers/native-session.js';
import { difference, noise } from '../helpers/noise.js';
import { gelu, geluDerivative } from '../helpers/normal.js';
import { canBuildOps, NO_OPS } from '../helpers/op-library.js';
import { FLOAT, INT32, placeholder, type AttrValue, type TinyNode } from '../helpers/tiny-graph.js';

const float = (values: readonly number[]): HostArray => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

const ints = (name: string, values: readonly number[], shape = [values.length]): TinyNode => ({
  name,
  op: 'Const',
  attr: { dtype: { type: INT32 }, value: { int32s: Int32Array.from(values), shape } },
});

const T = { T: { type: FLOAT } };

/** Stock depthwise convolution of `x` padded by K / 2 on every side, and its gradients for a `dy`. */
function stockDepthwise(
  x: readonly number[],
  kernel: number,
  stride: number,
  multiplier: number,
): TinyNode[] {
  const pad = Math.floor(kernel / 2);
  const [batch = 0, height = 0, width = 0, channels = 0] = x;
  const attr: Record<string, AttrValue> = {
    ...T,
    strides: { ints: [1, stride, stride, 1] },
    padding: { s: 'VALID' },
  };
  return [
    ints('paddings', [0, 0, pad, pad, pad, pad, 0, 0], [4, 2]),
    {
      name: 'padded',
      op: 'Pad',
      input: ['x', 'paddings'],
      attr: { ...T, Tpaddings: { type: INT32 } },
    },
    { name: 'y', op: 'DepthwiseConv2dNative', input: ['padded', 'filter'], attr },
    ints('filterSizes', [kernel, kernel, channels, multiplier]),
    ints('paddedSizes', [batch, height + 2 * pad, width + 2 * pad, channels]),
    {
      name: 'dfilter',
      op: 'DepthwiseConv2dNativeBackpropFilter',
      input: ['padded', 'filterSizes', 'dy'],
      attr,
    },
    {
      name: 'dpadded',
      op: 'DepthwiseConv2dNativeBackpropInput',
      input: ['paddedSizes', 'filter', 'dy'],
      attr,
    },
    ints('begin', [0, pad, pad, 0]),
    ints('size', [...x]),
    {
      name: 'dx',
      op: 'Slice',
      input: ['dpadded', 'begin', 'size'],
      attr: { ...T, Index: { type: INT32 } },
    },
  ];
}

function ownDepthwise(x: readonly number[], kernel: number, stride: number, multiplier: number): TinyNode[] {
  return [
    {
      name: 'ownY',
      op: 'RecnextDepthwiseConv',
      input: ['x', 'filter'],
      attr: { stride: { i: stride } },
    },
    {
      name: 'ownDfilter',
      op: 'RecnextDepthwiseConvFilterGrad',
      input: ['x', 'dy'],
      attr: { kernel: { i: kernel }, stride: { i: stride }, multiplier: { i: multiplier } },
    },
    {
      name: 'ownDx',
      op: 'RecnextDepthwiseConvInputGrad',
      input: ['dy', 'filter'],
      attr: { stride: { i: stride }, height: { i: x[1]! }, width: { i: x[2]! } },
    },
  ];
}

const agree = (found: HostArray, expected: HostArray): void => {
  expect(found.shape).toEqual(expected.shape);
  expect(difference(found.data as Float32Array, expected.data as Float32Array)).toBeLessThan(2e-6);
};

describe.skipIf(!canBuildOps)(`our own operations${NO_OPS}`, () => {
  const session = nativeSessions();

  describe('GELU', () => {
    const nodes: TinyNode[] = [
      placeholder('x'),
      placeholder('dy'),
      { name: 'y', op: 'RecnextGelu', input: ['x'] },
      { name: 'dx', op: 'RecnextGeluGrad', input: ['dy', 'x'] },
    ];

    it('and its gradient are exact to float32', async () => {
      const x = Float32Array.from({ length: 40_001 }, (_, i) => (i - 20_000) / 1600);
      const it = await session(nodes);
      const [y, dx] = await it.run({
        feeds: new Map([
          ['x', { dtype: 'float32', shape: [x.length], data: x }],
          ['dy', { dtype: 'float32', shape: [x.length], data: new Float32Array(x.length).fill(1) }],
        ]),
        fetches: ['y', 'dx'],
      });
      let worst = 0;
      let worstGradient = 0;
      x.forEach((value, i) => {
        const expected = gelu(value);
        const gradient = geluDerivative(value);
        worst = Math.max(worst, Math.abs(Number(y!.data[i]) - expected) / Math.max(1, Math.abs(value)));
        worstGradient = Math.max(worstGradient, Math.abs(Number(dx!.data[i]) - gradient));
      });
      // 2^-23 = 1.19e-7 is float32's step at 1.
      expect(worst).toBeLessThan(1.2e-7);
      expect(worstGradient).toBeLessThan(2.4e-7);
    });

    it('is right in the far tail, where 1 + erf(x) is not', async () => {
      const it = await session(nodes);
      const x = float([-3, -5, -8, -12]);
      const [y] = await it.run({ feeds: new Map([['x', x]]), fetches: ['y'] });
      [...x.data].forEach((value, i) => {
        const expected = gelu(Number(value));
        expect(Math.abs(Number(y!.data[i]) / expected - 1)).toBeLessThan(1e-6);
      });
    });

    it('passes NaN and infinity on', async () => {
      const it = await session(nodes);
      const [y] = await it.run({ feeds: new Map([['x', float([NaN, Infinity, 0])]]), fetches: ['y'] });
      expect([...y!.data]).toEqual([NaN, Infinity, 0]);
    });

    it.each([0, 1, 5, 15, 16, 17, 100_003])('takes %i elements', async (length) => {
      const it = await session(nodes);
      const [x, dy] = [noise([length], 2), noise([length], 3)];
      const [y, dx] = await it.run({
        feeds: new Map([
          ['x', x],
          ['dy', dy],
        ]),
        fetches: ['y', 'dx'],
      });
      expect(y!.shape).toEqual([length]);
      for (let i = 0; i < length; i += 1 + Math.floor(length / 50)) {
        const value = Number(x.data[i]);
        expect(y!.data[i]).toBeCloseTo(gelu(value), 6);
        expect(dx!.data[i]).toBeCloseTo(Number(dy.data[i]) * geluDerivative(value), 6);
      }
    });

    it('refuses a dy of another shape', async () => {
      const it = await session(nodes);
      const feeds = new Map([
        ['x', noise([4])],
        ['dy', noise([5])],
      ]);
      await expect(it.run({ feeds, fetches: ['dx'] })).rejects.toThrow(/dy has shape \[5\], x has \[4\]/);
    });
  });

  describe('depthwise convolution', () => {
    // [batch, height, width, channels]: odd sizes, images smaller than the kernel, channels that fill no vector.
    const SHAPES: readonly (readonly number[])[] = [
      [2, 14, 14, 32],
      [3, 7, 9, 20],
      [1, 8, 5, 3],
      [17, 5, 4, 16],
      [1, 1, 1, 1],
      [2, 2, 3, 50],
      [1, 33, 31, 7],
      // Widths that make tiles of every size.
      [1, 3, 13, 16],
      [1, 3, 6, 16],
    ];
    const cases = SHAPES.flatMap((shape) =>
      [3, 5, 7].flatMap((kernel) =>
        [1, 2].flatMap((stride) =>
          [1, 2].map((multiplier) => [shape.join('×'), kernel, stride, multiplier, shape] as const),
        ),
      ),
    );

    const run = async (
      [shape, kernel, stride, multiplier]: readonly [readonly number[], number, number, number],
      threads = 2,
    ) => {
      const [batch = 0, height = 0, width = 0, channels = 0] = shape;
      const out = (size: number) => Math.floor((size - 1) / stride) + 1;
      const it = await session(
        [
          ...['x', 'filter', 'dy'].map((name) => placeholder(name)),
          ...stockDepthwise(shape, kernel, stride, multiplier),
          ...ownDepthwise(shape, kernel, stride, multiplier),
        ],
        threads,
      );
      const feeds = new Map([
        ['x', noise(shape, 1)],
        ['filter', noise([kernel, kernel, channels, multiplier], 2)],
        ['dy', noise([batch, out(height), out(width), channels * multiplier], 3)],
      ]);
      const fetches = ['y', 'ownY', 'dfilter', 'ownDfilter', 'dx', 'ownDx'];
      const results = await it.run({ feeds, fetches });
      return Object.fromEntries(fetches.map((name, i) => [name, results[i]!])) as Record<string, HostArray>;
    };

    it.each(cases)('of %s by %i, stride %i, multiplier %i', async (_, kernel, stride, multiplier, shape) => {
      const found = await run([shape, kernel, stride, multiplier]);
      agree(found.ownY!, found.y!);
      agree(found.ownDfilter!, found.dfilter!);
      agree(found.ownDx!, found.dx!);
    });

    it.each([
      [[2, 14, 14, 32], 5, 1, 1],
      [[1, 9, 7, 20], 5, 2, 1],
      [[2, 8, 12, 17], 7, 2, 2],
    ] as const)('of %j by %i, stride %i, multiplier %i adds to its input gradient', async (...geometry) => {
      const [shape, kernel, stride, multiplier] = geometry;
      const [batch, height, width, channels] = shape;
      const out = (size: number) => Math.floor((size - 1) / stride) + 1;
      const own = ownDepthwise(shape, kernel, stride, multiplier)[2]!;
      const it = await session([
        ...['dy', 'filter', 'addend'].map((name) => placeholder(name)),
        own,
        { ...own, name: 'sum', input: [...own.input!, 'addend'], attr: { ...own.attr, N: { i: 1 } } },
      ]);
      const addend = noise(shape, 4);
      const run = async (given: HostArray) => {
        const feeds = new Map([
          ['dy', noise([batch, out(height), out(width), channels * multiplier], 3)],
          ['filter', noise([kernel, kernel, channels, multiplier], 2)],
          ['addend', given],
        ]);
        return it.run({ feeds, fetches: ['ownDx', 'sum'] });
      };
      const [dx, sum] = await run(addend);
      const plus = (dx!.data as Float32Array).map((value, i) => value + (addend.data as Float32Array)[i]!);
      expect(difference(sum!.data as Float32Array, plus)).toBeLessThan(1e-6);
      await expect(run(noise([...shape.slice(0, 3), 1]))).rejects.toThrow(/addend: expected/);
    });

    it.each([
      [[2, 14, 14, 32], 5, 1, 1],
      [[1, 9, 7, 20], 3, 2, 1],
      [[2, 8, 12, 17], 7, 2, 2],
    ] as const)('of %j by %i, stride %i, multiplier %i adds a bias', async (...geometry) => {
      const [shape, kernel, stride, multiplier] = geometry;
      const channels = shape[3] * multiplier;
      const [own] = ownDepthwise(shape, kernel, stride, multiplier);
      const it = await session([
        ...['x', 'filter', 'bias'].map((name) => placeholder(name)),
        own!,
        { ...own!, name: 'biased', input: ['x', 'filter', 'bias'], attr: { ...own!.attr, B: { i: 1 } } },
      ]);
      const bias = noise([channels], 5);
      const feeds = new Map([
        ['x', noise(shape)],
        ['filter', noise([kernel, kernel, shape[3], multiplier], 2)],
        ['bias', bias],
      ]);
      const [y, biased] = await it.run({ feeds, fetches: ['ownY', 'biased'] });
      const sums = (y!.data as Float32Array).map((value, i) => value + Number(bias.data[i % channels]));
      agree(biased!, { ...y!, data: sums });
      feeds.set('bias', noise([channels + 1]));
      await expect(it.run({ feeds, fetches: ['biased'] })).rejects.toThrow(
        `bias: expected [${channels}], found [${channels + 1}]`,
      );
    });

    it('gives the same bits with one thread and with many', async () => {
      const [one, many] = [
        await run([[5, 12, 12, 40], 5, 1, 1], 1),
        await run([[5, 12, 12, 40], 5, 1, 1], 7),
      ];
      for (const name of ['ownY', 'ownDfilter', 'ownDx']) expect(many[name]).toEqual(one[name]);
    });

    it('is right when several run at once', async () => {
      const shape = [2, 16, 16, 48];
      const it = await session([
        ...['x', 'filter', 'dy'].map((name) => placeholder(name)),
        ...ownDepthwise(shape, 5, 1, 1),
      ]);
      const feeds = (seed: number) =>
        new Map([
          ['x', noise(shape, seed)],
          ['filter', noise([5, 5, 48, 1], 2)],
          ['dy', noise(shape, seed + 1)],
        ]);
      const fetches = ['ownY', 'ownDfilter', 'ownDx'];
      const alone: HostArray[][] = [];
      for (let seed = 0; seed < 8; seed++) alone.push(await it.run({ feeds: feeds(seed), fetches }));
      const together = await Promise.all(
        Array.from({ length: 40 }, (_, i) => it.run({ feeds: feeds(i % 8), fetches })),
      );
      together.forEach((results, i) => expect(results).toEqual(alone[i % 8]));
    });

    it.each([
      [
        'a filter of even size',
        { filter: noise([4, 4, 3, 1]) },
        'ownY',
        /filter: expected \[K, K.*\[4, 4, 3, 1\]/,
      ],
      [
        'a filter of other channels',
        { filter: noise([3, 3, 4, 1]) },
        'ownY',
        /x: expected .* 4\], found \[1, 6, 6, 3\]/,
      ],
      ['a filter of rank 2', { filter: noise([3, 3]) }, 'ownDx', /filter: expected/],
      ['an x of rank 3', { x: noise([6, 6, 3]) }, 'ownDfilter', /x: expected \[batch/],
      [
        'a dy of another size',
        { dy: noise([1, 5, 6, 3]) },
        'ownDfilter',
        /dy: expected \[1, 6, 6, 3\], found \[1, 5, 6, 3\]/,
      ],
      [
        'a dy of other channels',
        { dy: noise([1, 6, 6, 6]) },
        'ownDx',
        /dy: expected \[1, 6, 6, 3\], found \[1, 6, 6, 6\]/,
      ],
      ['an empty x', { x: noise([0, 6, 6, 3]) }, 'ownY', /x: expected/],
    ] as const)('refuses %s', async (_, wrong, fetch, message) => {
      const it = await session([
        ...['x', 'filter', 'dy'].map((name) => placeholder(name)),
        ...ownDepthwise([1, 6, 6, 3], 3, 1, 1),
      ]);
      const right = { x: noise([1, 6, 6, 3]), filter: noise([3, 3, 3, 1]), dy: noise([1, 6, 6, 3]) };
      const feeds = new Map(Object.entries<HostArray>({ ...right, ...wrong }));
      await expect(it.run({ feeds, fetches: [fetch] })).rejects.toThrow(message);
    });

    it('refuses a kernel or stride that it has no code for', async () => {
      const make = async (kernel: number, stride: number) => {
        const it = await session([
          placeholder('x'),
          placeholder('dy'),
          ownDepthwise([1, 6, 6, 3], kernel, stride, 1)[1]!,
        ]);
        const feeds = new Map([
          ['x', noise([1, 6, 6, 3])],
          ['dy', noise([1, 6, 6, 3])],
        ]);
        return it.run({ feeds, fetches: ['ownDfilter'] });
      };
      await expect(make(9, 1)).rejects.toThrow(/kernel: expected 3, 5 or 7, found 9/);
      await expect(make(3, 3)).rejects.toThrow(/stride: expected 1 or 2, found 3/);
    });
  });
});
