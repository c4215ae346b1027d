import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TensorFlowSession, type HostArray } from '../../src/runtime/tensorflow/index.js';
import { difference, largest, largestDifference, noise } from '../helpers/noise.js';
import { gelu, geluDerivative } from '../helpers/normal.js';
import { builtOpLibrary, canBuildOps, NO_OPS } from '../helpers/op-library.js';
import { FLOAT, placeholder, tinyGraph, type TinyNode } from '../helpers/tiny-graph.js';

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
  let library: string;
  const open: TensorFlowSession[] = [];
  beforeAll(async () => {
    library = await builtOpLibrary();
  }, 180_000);
  afterAll(() => {
    for (const session of open) session.dispose();
  });
  const session = async (nodes: readonly TinyNode[], threads = 2) => {
    const made = await TensorFlowSession.open(tinyGraph(nodes), {
      opLibrary: library,
      intraOpThreads: threads,
    });
    open.push(made);
    return made;
  };

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

  describe('AdamW', () => {
    const inputs = ['param', 'm', 'v', 'grad', 'lr', 'correction1', 'correction2', 'grad_scale'];
    const nodes: TinyNode[] = [
      ...inputs.map((name) => placeholder(name)),
      { name: 'step', op: 'RecnextAdamW', input: inputs, attr: { weight_decay: { f: 0.05 } } },
    ];
    const scalar = (value: number): HostArray => ({
      dtype: 'float32',
      shape: [],
      data: Float32Array.of(value),
    });

    it.each([1, 15, 16, 50_021])('makes ten steps of %i parameters as the formula does', async (length) => {
      const it = await session(nodes);
      let [param, m, v] = [noise([length], 9), noise([length], 0), noise([length], 0)];
      (m.data as Float32Array).fill(0);
      (v.data as Float32Array).fill(0);
      const expected = [param, m, v].map(({ data }) => Float64Array.from(data as Float32Array));
      const [p64, m64, v64] = expected as [Float64Array, Float64Array, Float64Array];
      for (let t = 1; t <= 10; t++) {
        const [lr, scale] = [1e-3 / t, 0.5 + t / 10];
        const grad = noise([length], t);
        const [correction1, correction2] = [1 - 0.9 ** t, 1 - 0.999 ** t];
        const arrays = [param, m, v, grad, ...[lr, correction1, correction2, scale].map(scalar)];
        [param, m, v] = (await it.run({
          feeds: new Map(inputs.map((name, i) => [name, arrays[i]!])),
          fetches: ['step', 'step:1', 'step:2'],
        })) as [HostArray, HostArray, HostArray];
        for (let i = 0; i < length; i++) {
          const g = Number(grad.data[i]) * scale;
          m64[i] = 0.9 * m64[i]! + 0.1 * g;
          v64[i] = 0.999 * v64[i]! + 0.001 * g * g;
          p64[i] = p64[i]! * (1 - lr * 0.05);
          p64[i] = p64[i]! - ((lr / correction1) * m64[i]!) / (Math.sqrt(v64[i]! / correction2) + 1e-8);
        }
      }
      expect(difference(param.data as Float32Array, p64)).toBeLessThan(1e-6);
      expect(difference(m.data as Float32Array, m64)).toBeLessThan(1e-6);
      // 1 - 0.999 of float32 numbers is 0.001 to four digits.
      expect(difference(v.data as Float32Array, v64)).toBeLessThan(5e-5);
    });

    it('refuses a gradient of another shape, and a rate that is no scalar', async () => {
      const it = await session(nodes);
      const run = (wrong: Record<string, HostArray>) => {
        const right = Object.fromEntries(inputs.map((name, i) => [name, i < 4 ? noise([6]) : scalar(1)]));
        return it.run({ feeds: new Map(Object.entries({ ...right, ...wrong })), fetches: ['step'] });
      };
      await expect(run({ grad: noise([5]) })).rejects.toThrow(/grad has shape \[5\], param has \[6\]/);
      await expect(run({ lr: noise([6]) })).rejects.toThrow(/expected scalars/);
    });
  });
});
