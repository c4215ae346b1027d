import { describe, expect, it } from 'vitest';
import { buildModel, replaceBatchnorm } from '../../src/models/index.js';
import { TensorFlowEngine } from '../../src/runtime/engines/tensorflow.js';
import type { HostArray } from '../../src/runtime/tensorflow/index.js';
import { nativeSessions } from '../helpers/native-session.js';
import { noise } from '../helpers/noise.js';
import { builtOpLibrary, canBuildOps, NO_OPS } from '../helpers/op-library.js';
import { FLOAT, placeholder, type AttrValue, type TinyNode } from '../helpers/tiny-graph.js';

const BFLOAT16 = 14;

const cast = (name: string, input: string, from: number, to: number): TinyNode => ({
  name,
  op: 'Cast',
  input: [input],
  attr: { SrcT: { type: from }, DstT: { type: to } },
});

/**
 * An operation on bfloat16, and the same in float32 on the same rounded numbers with its result rounded by TensorFlow: they must not differ by a bit.
 *
 * @param maps the inputs that are feature maps; `filter` is float32 in both
 */
function twice(op: string, maps: readonly string[], attr: Record<string, AttrValue>): TinyNode[] {
  const others = op === 'RecnextDepthwiseConv' ? ['filter'] : [];
  return [
    ...[...maps, ...others].map((name) => placeholder(name)),
    ...maps.flatMap((name) => [
      cast(`${name}/half`, name, FLOAT, BFLOAT16),
      cast(`${name}/rounded`, `${name}/half`, BFLOAT16, FLOAT),
    ]),
    {
      name: 'half',
      op,
      input: [...maps.map((name) => `${name}/half`), ...others],
      attr: { ...attr, T: { type: BFLOAT16 } },
    },
    {
      name: 'float',
      op,
      input: [...maps.map((name) => `${name}/rounded`), ...others],
      attr: { ...attr, T: { type: FLOAT } },
    },
    cast('expected', 'float', FLOAT, BFLOAT16),
  ];
}

describe.skipIf(!canBuildOps)(`our own operations in bfloat16${NO_OPS}`, () => {
  const session = nativeSessions();

  const agree = async (nodes: readonly TinyNode[], feeds: Record<string, HostArray>): Promise<void> => {
    const it = await session(nodes);
    const [half, expected] = await it.run({
      feeds: new Map(Object.entries(feeds)),
      fetches: ['half', 'expected'],
    });
    expect(half!.dtype).toBe('bfloat16');
    expect(half!.shape).toEqual(expected!.shape);
    expect(Buffer.from(half!.data.buffer).equals(Buffer.from(expected!.data.buffer))).toBe(true);
    // Not a comparison of nothing with nothing.
    expect(new Set(half!.data as Uint16Array).size).toBeGreaterThan(10);
  };

  it('GELU rounds what float32 gives', async () => {
    const x = Float32Array.from({ length: 20_011 }, (_, i) => (i - 10_000) / 1600);
    await agree(twice('RecnextGelu', ['x'], {}), { x: { dtype: 'float32', shape: [x.length], data: x } });
  });

  it('GELU leaves infinity and NaN what they are', async () => {
    const x = Float32Array.of(Infinity, NaN, ...Array.from({ length: 18 }, (_, i) => i));
    const it = await session(twice('RecnextGelu', ['x'], {}));
    const [half] = await it.run({
      feeds: new Map([['x', { dtype: 'float32', shape: [x.length], data: x } as const]]),
      fetches: ['half'],
    });
    const [infinity, nan] = half!.data as Uint16Array;
    expect(infinity).toBe(0x7f80);
    expect(nan! & 0x7fff).toBeGreaterThan(0x7f80);
  });

  it.each([
    [[2, 9, 11, 48], 5, 1, 1],
    [[2, 10, 12, 40], 5, 2, 1],
    [[1, 8, 8, 19], 7, 2, 2],
    [[3, 7, 7, 3], 3, 1, 2],
  ] as const)(
    'a depthwise convolution of %j, kernel %i, stride %i, multiplier %i',
    async (shape, k, s, m) => {
      await agree(twice('RecnextDepthwiseConv', ['x'], { stride: { i: s } }), {
        x: noise(shape),
        filter: noise([k, k, shape[3], m], 2),
      });
    },
  );

  it('linear attention', async () => {
    const attr = { heads: { i: 2 }, epsilon: { f: 1e-6 }, N: { i: 1 } };
    await agree(twice('RecnextLinearAttention', ['qk', 'v', 'addend'], attr), {
      qk: noise([2, 5, 7, 72]),
      v: noise([2, 5, 7, 40], 2),
      addend: noise([2, 5, 7, 40], 3),
    });
  });

  it.each([
    [false, false],
    [false, true],
    [true, true],
  ])('resizing (nearest: %s, with an addition: %s)', async (nearest, adds) => {
    const maps = adds ? ['x', 'addend'] : ['x'];
    const attr = {
      height: { i: 14 },
      width: { i: 9 },
      nearest: { b: nearest },
      N: { i: maps.length - 1 },
    };
    await agree(twice('RecnextResize', maps, attr), {
      x: noise([2, 7, 5, 24]),
      ...(adds && { addend: noise([2, 14, 9, 24], 2) }),
    });
  });

  it.each(['recnext_m0', 'recnext_a0'])(
    '%s turns its feature maps once, not at every operation',
    async (name) => {
      const plain = buildModel(name, { numClasses: 9, imgSize: 64, seed: 5 });
      const model = replaceBatchnorm(plain);
      const engine = await TensorFlowEngine.open(model, {
        mixedPrecision: 'bfloat16',
        nativeOps: true,
        opLibrary: await builtOpLibrary(),
      });
      const images = noise([2, 64, 64, 3]);
      const operations = await engine.profile(images.data as Float32Array, [2, 64, 64, 3]);
      const casts = operations.filter(({ operation }) => operation === 'Cast').length;
      expect(casts).toBeGreaterThan(0);
      expect(casts).toBeLessThan(20);
      engine.dispose();
      model.dispose();
      plain.dispose();
    },
  );
});
