import { describe, expect, it } from 'vitest';
import type { HostArray } from '../../src/runtime/tensorflow/index.js';
import { nativeSessions } from '../helpers/native-session.js';
import { difference, largest, largestDifference, noise } from '../helpers/noise.js';
import { gelu, geluDerivative } from '../helpers/normal.js';
import { canBuildOps, NO_OPS } from '../helpers/op-library.js';
import { FLOAT, placeholder, type TinyNode } from '../helpers/tiny-graph.js';

const EPSILON = 1e-5;

interface BatchNorm {
  y: Float64Array;
  mean: Float64Array;
  variance: Float64Array;
  /** scale / deviation: what one dy weighs in dx. */
  slope: Float64Array;
  dx: Float64Array;
  dscale: Float64Array;
  doffset: Float64Array;
}

/** Batch norm and what comes back through it, in double precision, step by step as the definition has it. */
function reference(
  [x, scale, offset, dy]: readonly HostArray[],
  channels: number,
  withGelu: boolean,
): BatchNorm {
  const [xs, scales, offsets, dys] = [x!, scale!, offset!, dy!].map(({ data }) =>
    Float64Array.from(data as Float32Array),
  );
  const rows = xs!.length / channels;
  const made = (length: number) => new Float64Array(length);
  const out: BatchNorm = {
    y: made(xs!.length),
    mean: made(channels),
    variance: made(channels),
    slope: made(channels),
    dx: made(xs!.length),
    dscale: made(channels),
    doffset: made(channels),
  };
  for (let c = 0; c < channels; c++) {
    const at = Array.from({ length: rows }, (_, row) => row * channels + c);
    const mean = at.reduce((sum, i) => sum + xs![i]!, 0) / rows;
    const biased = at.reduce((sum, i) => sum + (xs![i]! - mean) ** 2, 0) / rows;
    const rstd = 1 / Math.sqrt(biased + EPSILON);
    const normal = at.map((i) => (xs![i]! - mean) * rstd);
    const z = normal.map((value) => value * scales![c]! + offsets![c]!);
    const dz = at.map((i, row) => dys![i]! * (withGelu ? geluDerivative(z[row]!) : 1));
    const doffset = dz.reduce((a, b) => a + b, 0);
    const dscale = dz.reduce((sum, value, row) => sum + value * normal[row]!, 0);
    at.forEach((i, row) => {
      out.y[i] = withGelu ? gelu(z[row]!) : z[row]!;
      out.dx[i] = scales![c]! * rstd * (dz[row]! - doffset / rows - (normal[row]! * dscale) / rows);
    });
    out.slope[c] = scales![c]! * rstd;
    out.mean[c] = mean;
    out.variance[c] = rows > 1 ? (biased * rows) / (rows - 1) : biased;
    out.dscale[c] = dscale;
    out.doffset[c] = doffset;
  }
  return out;
}

describe.skipIf(!canBuildOps)(`our own operations for training${NO_OPS}`, () => {
  const session = nativeSessions();

  describe('batch norm', () => {
    const inputs = ['x', 'scale', 'offset', 'dy'];
    const nodes = (withGelu: boolean): TinyNode[] => [
      ...inputs.map((name) => placeholder(name)),
      {
        name: 'norm',
        op: 'RecnextBatchNorm',
        input: ['x', 'scale', 'offset'],
        attr: { epsilon: { f: EPSILON }, gelu: { b: withGelu } },
      },
      {
        name: 'grad',
        op: 'RecnextBatchNormGrad',
        input: ['dy', 'x', 'scale', 'offset', 'norm:1', 'norm:3'],
        attr: { gelu: { b: withGelu } },
      },
    ];
    const fetches = ['norm', 'norm:1', 'norm:2', 'grad', 'grad:1', 'grad:2'];
    const arrays = (shape: readonly number[], shift = 0) => {
      const channels = shape.at(-1)!;
      const x = noise(shape, 1);
      (x.data as Float32Array).forEach((value, i, data) => (data[i] = value + shift * (1 + (i % channels))));
      return [x, noise([channels], 2), noise([channels], 3), noise(shape, 4)];
    };
    const feeds = (list: readonly HostArray[]) => new Map(inputs.map((name, i) => [name, list[i]!]));

    it.each([
      [[2, 14, 14, 48], 0],
      [[3, 5, 7, 19], 0],
      [[1, 3, 3, 1], 0],
      [[2, 1, 1, 33], 0],
      [[40, 96], 0],
      // A mean that is large beside the deviation.
      [[4, 9, 9, 20], 30],
    ] as const)('of %j shifted by %f, with GELU and without', async (shape, shift) => {
      const channels = shape.at(-1)!;
      for (const withGelu of [true, false]) {
        const list = arrays(shape, shift);
        const expected = reference(list, channels, withGelu);
        const results = await (await session(nodes(withGelu))).run({ feeds: feeds(list), fetches });
        const [y, mean, variance, dx, dscale, doffset] = results.map(({ data }) => data as Float32Array);
        // The input itself is rounded to float32: that error grows with the shift.
        const bound = shift === 0 ? 4e-6 : 2e-4;
        expect(results[0]!.shape).toEqual(shape);
        // Means and gradients that cancel to little are right to a share of what was added up.
        const size = largest(list[0]!.data as Float32Array);
        expect(largestDifference(mean!, expected.mean) / size).toBeLessThan(1e-6);
        expect(difference(variance!, expected.variance)).toBeLessThan(bound);
        expect(difference(y!, expected.y)).toBeLessThan(bound);
        expect(difference(dscale!, expected.dscale)).toBeLessThan(bound);
        expect(difference(doffset!, expected.doffset)).toBeLessThan(bound);
        expect(largestDifference(dx!, expected.dx) / largest(expected.slope)).toBeLessThan(bound);
      }
    });

    it.each([false, true])('adds what else is given, GELU: %s', async (withGelu) => {
      const shape = [3, 5, 7, 19];
      const it = await session([
        ...nodes(withGelu),
        placeholder('addend'),
        {
          name: 'sum',
          op: 'RecnextBatchNorm',
          input: ['x', 'scale', 'offset', 'addend'],
          attr: { epsilon: { f: EPSILON }, gelu: { b: withGelu }, N: { i: 1 } },
        },
      ]);
      const given = feeds(arrays(shape));
      const addend = noise(shape, 9);
      const run = (wrong: HostArray, ...fetch: string[]) =>
        it.run({ feeds: new Map([...given, ['addend', wrong]]), fetches: fetch });
      const [y, ...alone] = await run(addend, 'norm', 'norm:1', 'norm:2', 'norm:3');
      const [sum, ...beside] = await run(addend, 'sum', 'sum:1', 'sum:2', 'sum:3');
      const plus = (y!.data as Float32Array).map((value, i) => value + (addend.data as Float32Array)[i]!);
      expect(difference(sum!.data as Float32Array, plus)).toBeLessThan(2e-7);
      expect(beside).toEqual(alone);
      await expect(run(noise([3, 5, 7, 18]), 'sum')).rejects.toThrow(/addend: expected \[3, 5, 7, 19\]/);
    });

    it('agrees with FusedBatchNormV3 and its gradient', async () => {
      const shape = [4, 13, 11, 40];
      const attr = {
        T: { type: FLOAT },
        U: { type: FLOAT },
        epsilon: { f: EPSILON },
        is_training: { b: true },
        data_format: { s: 'NHWC' },
      };
      const it = await session([
        ...nodes(false),
        {
          name: 'none',
          op: 'Const',
          attr: { dtype: { type: FLOAT }, value: { floats: new Float32Array(0), shape: [0] } },
        },
        { name: 'stock', op: 'FusedBatchNormV3', input: ['x', 'scale', 'offset', 'none', 'none'], attr },
        {
          name: 'stockGrad',
          op: 'FusedBatchNormGradV3',
          input: ['dy', 'x', 'scale', 'stock:3', 'stock:4', 'stock:5'],
          attr,
        },
      ]);
      const stock = ['stock', 'stock:1', 'stock:2', 'stockGrad', 'stockGrad:1', 'stockGrad:2'];
      const results = await it.run({ feeds: feeds(arrays(shape)), fetches: [...fetches, ...stock] });
      const data = results.map((result) => result.data as Float32Array);
      for (let i = 0; i < 6; i++) expect(difference(data[i]!, data[i + 6]!)).toBeLessThan(1e-5);
    });

    it('gives the same bits with one thread and with many', async () => {
      const list = arrays([6, 17, 17, 40]);
      const run = async (threads: number) =>
        (await session(nodes(true), threads)).run({ feeds: feeds(list), fetches });
      expect(await run(7)).toEqual(await run(1));
    });

    it('refuses what does not fit', async () => {
      const it = await session(nodes(true));
      const run = (index: number, wrong: HostArray) =>
        it.run({ feeds: feeds(arrays([2, 3, 3, 8]).with(index, wrong)), fetches });
      await expect(run(0, noise([8]))).rejects.toThrow(/x: expected/);
      await expect(run(1, noise([7]))).rejects.toThrow(/scale: expected \[8\], found \[7\]/);
      await expect(run(2, noise([8, 1]))).rejects.toThrow(/offset: expected \[8\], found \[8, 1\]/);
      await expect(run(3, noise([2, 3, 4, 8]))).rejects.toThrow(/dy: expected \[2, 3, 3, 8\]/);
    });
  });
});
