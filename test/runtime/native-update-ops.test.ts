import { describe, expect, it } from 'vitest';
import type { HostArray } from '../../src/runtime/tensorflow/index.js';
import { nativeSessions } from '../helpers/native-session.js';
import { difference, noise } from '../helpers/noise.js';
import { canBuildOps, NO_OPS } from '../helpers/op-library.js';
import { placeholder, type TinyNode } from '../helpers/tiny-graph.js';

const FACTOR = 0.02;
const LEAST = { weight: 1e-3, gradient: 1e-6 };

interface Units {
  readonly groups: number;
  readonly inner: number;
  readonly units: number;
}

/** Adaptive clipping by its definition, in double precision. */
function clipped(
  gradient: Float32Array,
  parameter: Float32Array,
  { groups, inner, units }: Units,
): Float64Array {
  const unitOf = (i: number) => (Math.floor(i / (inner * units)) % groups) * units + (i % units);
  const norms = (values: Float32Array) => {
    const squares = new Float64Array(groups * units);
    values.forEach((value, i) => (squares[unitOf(i)]! += value * value));
    return squares.map(Math.sqrt);
  };
  const [found, weight] = [norms(gradient), norms(parameter)];
  return Float64Array.from(gradient, (value, i) => {
    const unit = unitOf(i);
    const most = FACTOR * Math.max(weight[unit]!, LEAST.weight);
    return value * Math.min(1, most / Math.max(found[unit]!, LEAST.gradient));
  });
}

describe.skipIf(!canBuildOps)(`our own operations on gradients and averages${NO_OPS}`, () => {
  const session = nativeSessions();

  describe('adaptive clipping', () => {
    const nodes = ({ groups, inner, units }: Units): TinyNode[] => [
      placeholder('gradient'),
      placeholder('parameter'),
      {
        name: 'clipped',
        op: 'RecnextAdaptiveClip',
        input: ['gradient', 'parameter'],
        attr: {
          factor: { f: FACTOR },
          groups: { i: groups },
          inner: { i: inner },
          units: { i: units },
          min_weight_norm: { f: LEAST.weight },
          min_gradient_norm: { f: LEAST.gradient },
        },
      },
    ];
    /** Gradients of every size beside their weights: units that are clipped and units that are not. */
    const feeds = (shape: readonly number[]) => {
      const units = shape.at(-1)!;
      const gradient = noise(shape, 1);
      const data = gradient.data as Float32Array;
      data.forEach((value, i) => (data[i] = value * 10 ** -((i % units) % 7)));
      return { gradient, parameter: noise(shape, 2) };
    };

    it.each([
      [[3, 3, 16, 96], { groups: 1, inner: 1, units: 96 }],
      [[5, 5, 50, 1], { groups: 1, inner: 1, units: 50 }],
      [[7, 7, 12, 2], { groups: 1, inner: 1, units: 24 }],
      [[3, 3, 20, 7], { groups: 4, inner: 5, units: 7 }],
      [[300, 130], { groups: 1, inner: 1, units: 130 }],
      [[37], { groups: 1, inner: 1, units: 1 }],
      [[1], { groups: 1, inner: 1, units: 1 }],
    ] as const)('of %j, units %j', async (shape, units) => {
      const { gradient, parameter } = feeds(shape);
      const it = await session(nodes(units));
      const run = { feeds: new Map(Object.entries({ gradient, parameter })), fetches: ['clipped'] };
      const expected = clipped(gradient.data as Float32Array, parameter.data as Float32Array, units);
      const [out] = await it.run(run);
      expect(out!.shape).toEqual(shape);
      expect(difference(out!.data as Float32Array, expected)).toBeLessThan(1e-6);
    });

    it('leaves small gradients as they are, bit by bit, and gradients that are no numbers no numbers', async () => {
      const units = { groups: 1, inner: 1, units: 20 };
      const it = await session(nodes(units));
      const gradient = noise([9, 20], 1);
      const data = gradient.data as Float32Array;
      data.forEach((value, i) => (data[i] = value * 1e-5));
      const run = async () => {
        const feeds = new Map([
          ['gradient', gradient],
          ['parameter', noise([9, 20], 2)],
        ]);
        return (await it.run({ feeds, fetches: ['clipped'] }))[0]!.data as Float32Array;
      };
      expect(await run()).toEqual(data);
      data[3] = NaN;
      data[24] = Infinity;
      const broken = await run();
      for (let row = 0; row < 9; row++) expect(broken[row * 20 + 3]).toBeNaN();
      expect(broken[24]).toBeNaN();
      expect(broken[25]).toBe(data[25]);
    });

    it('gives the same bits with one thread and with many, and refuses what does not fit', async () => {
      const units = { groups: 1, inner: 1, units: 300 };
      const run = async (threads: number, given: Record<string, HostArray> = feeds([200, 300])) =>
        (await session(nodes(units), threads)).run({
          feeds: new Map(Object.entries(given)),
          fetches: ['clipped'],
        });
      expect(await run(7)).toEqual(await run(1));
      await expect(run(2, { gradient: noise([2, 300]), parameter: noise([3, 300]) })).rejects.toThrow(
        /gradient: expected \[3, 300\], found \[2, 300\]/,
      );
      await expect(run(2, { gradient: noise([7]), parameter: noise([7]) })).rejects.toThrow(
        /expected a multiple of 300 elements/,
      );
    });
  });

  it('an average moves towards a value, in one operation', async () => {
    const it = await session([
      ...['value', 'towards', 'share'].map((name) => placeholder(name)),
      { name: 'out', op: 'RecnextLerp', input: ['value', 'towards', 'share'] },
    ]);
    const share: HostArray = { dtype: 'float32', shape: [], data: Float32Array.of(0.125) };
    for (const shape of [[1], [3, 77], [70_001]]) {
      const [value, towards] = [noise(shape, 1), noise(shape, 2)];
      const feeds = new Map(Object.entries({ value, towards, share }));
      const [out] = await it.run({ feeds, fetches: ['out'] });
      const [a, b] = [value.data as Float32Array, towards.data as Float32Array];
      expect(out!.shape).toEqual(shape);
      expect(
        difference(
          out!.data as Float32Array,
          a.map((from, i) => from + (b[i]! - from) / 8),
        ),
      ).toBeLessThan(2e-7);
    }
    const feeds = new Map(Object.entries({ value: noise([3]), towards: noise([4]), share }));
    await expect(it.run({ feeds, fetches: ['out'] })).rejects.toThrow(/towards: expected \[3\], found \[4\]/);
  });
});
