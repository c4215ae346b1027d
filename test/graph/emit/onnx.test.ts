import { describe, expect, it } from 'vitest';
import { writeCoreml } from '../../../src/graph/emit/coreml/write-coreml.js';
import { graphModelParts } from '../../../src/graph/emit/graph-model/graph-model.js';
import { onnxModel, writeOnnx } from '../../../src/graph/emit/onnx/write-onnx.js';
import { tensorKey } from '../../../src/graph/emit/onnx/quantization.js';
import { writeSavedModel } from '../../../src/graph/emit/saved-model/write-saved-model.js';
import { Graph, type Ref } from '../../../src/graph/graph.js';
import type { HostValue } from '../../../src/graph/host-value.js';
import { OnnxSession } from '../../../src/runtime/onnx/index.js';

const float = (shape: readonly number[], data: readonly number[]): HostValue => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(data),
});

function constant(graph: Graph, value: HostValue): Ref {
  return graph.one('Const', { value }, [], { dtype: 'float32', shape: value.shape });
}

function input(graph: Graph, shape: readonly number[]): Ref {
  return graph.one('Input', { name: 'images' }, [], { dtype: 'float32', shape });
}

const none = new Map<string, HostValue>();

/** y = x·w + b at every pixel: two channels to three. */
function pointwise(): { graph: Graph; x: Ref; y: Ref } {
  const graph = new Graph();
  const x = input(graph, [-1, 1, 2, 2]);
  const filter = constant(graph, float([1, 1, 2, 3], [1, -1, 0.5, 64 / 127, 0, -0.5]));
  const bias = constant(graph, float([3], [0.25, 0, -1]));
  const y = graph.one('Conv2d', { stride: 1, groups: 1 }, [x, filter, bias], {
    dtype: 'float32',
    shape: [-1, 1, 2, 3],
  });
  graph.outputs.set('logits', y);
  return { graph, x, y };
}

/** [pixel][channel] */
const PIXELS = [
  [0.5, -0.25],
  [-0.75, 1],
];
const EXPECTED = PIXELS.flatMap(([a, b]) => [a! + (b! * 64) / 127 + 0.25, -a!, 0.5 * a! - 0.5 * b! - 1]);

async function run(model: Uint8Array, data: readonly number[], shape: readonly number[]): Promise<number[]> {
  const session = await OnnxSession.open(model, { threads: 1 });
  try {
    return [...(await session.run(Float32Array.from(data), shape))];
  } finally {
    await session.dispose();
  }
}

describe('ONNX of a graph made by hand', () => {
  it('takes images channels first, or last if asked to', async () => {
    const { graph } = pointwise();
    const first = [0, 1].flatMap((channel) => PIXELS.map((pixel) => pixel[channel]!));
    for (const found of [
      await run(writeOnnx(graph, { weights: none }), first, [1, 2, 1, 2]),
      await run(writeOnnx(graph, { weights: none, images: 'nhwc' }), PIXELS.flat(), [1, 1, 2, 2]),
    ])
      found.forEach((value, i) => expect(value).toBeCloseTo(EXPECTED[i]!, 6));
  });

  it('computes 1×1 convolutions in 8 bits: off by no more than half a level of the result', async () => {
    const { graph, x, y } = pointwise();
    // Steps of 1/64: the pixels are levels themselves, and the filter's values nearly so.
    const ranges = new Map([
      [tensorKey(x), { min: -1, max: 255 / 64 - 1 }],
      [tensorKey(y), { min: -2, max: 255 / 64 - 2 }],
    ]);
    const { nodes, opset } = onnxModel(graph, { weights: none, ranges });
    expect(opset).toBe(20);
    expect(nodes.filter(({ op }) => op === 'QuantizeLinear')).toHaveLength(2);
    const found = await run(
      writeOnnx(graph, { weights: none, ranges, images: 'nhwc' }),
      PIXELS.flat(),
      [1, 1, 2, 2],
    );
    // Half a level of the result, and what a filter of 127 levels is off by.
    found.forEach((value, i) => expect(Math.abs(value - EXPECTED[i]!)).toBeLessThan(0.5 / 64 + 1 / 254));
    expect(found.some((value, i) => Math.abs(value - EXPECTED[i]!) > 1e-6)).toBe(true);
  });

  it('broadcasts a computed tensor of fewer axes from the right, whatever order the other lies in', async () => {
    const graph = new Graph();
    const x = input(graph, [-1, 1, 2, 2]);
    const type = { dtype: 'float32', shape: [2] } as const;
    const weight = graph.one(
      'Neg',
      {},
      [graph.one('Neg', {}, [constant(graph, float([2], [10, 20]))], type)],
      type,
    );
    graph.outputs.set(
      'logits',
      graph.one('Mul', {}, [x, weight], { dtype: 'float32', shape: [-1, 1, 2, 2] }),
    );
    expect(await run(writeOnnx(graph, { weights: none }), [1, 2, 3, 4], [1, 2, 1, 2])).toEqual([
      10, 60, 20, 80,
    ]);
  });

  it('turns products of matrices whichever way needs fewer transpositions', async () => {
    for (const transposeA of [false, true])
      for (const transposeB of [false, true]) {
        const graph = new Graph();
        const x = input(graph, [-1, 2, 2]);
        const other = constant(graph, float([2, 2], [1, 2, 3, 4]));
        const relabelled = graph.one('Transpose', { perm: [0, 2, 1] }, [x], {
          dtype: 'float32',
          shape: [-1, 2, 2],
        });
        const product = graph.one('MatMul', { transposeA, transposeB }, [relabelled, other], {
          dtype: 'float32',
          shape: [-1, 2, 2],
        });
        graph.outputs.set('logits', product);
        // x = [[5, 6], [7, 8]], relabelled [[5, 7], [6, 8]].
        const a = transposeA ? [5, 6, 7, 8] : [5, 7, 6, 8];
        const b = transposeB ? [1, 3, 2, 4] : [1, 2, 3, 4];
        const expected = [0, 1].flatMap((i) =>
          [0, 1].map((j) => a[2 * i]! * b[j]! + a[2 * i + 1]! * b[2 + j]!),
        );
        expect(await run(writeOnnx(graph, { weights: none }), [5, 6, 7, 8], [1, 2, 2])).toEqual(expected);
      }
  });
});

describe('an operation that a runtime lacks', () => {
  it.each([
    ['onnx', (graph: Graph) => writeOnnx(graph, { weights: none })],
    ['coreml', (graph: Graph) => writeCoreml(graph, { weights: none, mean: [0, 0], std: [1, 1] })],
    ['savedmodel', (graph: Graph) => writeSavedModel(graph, none)],
    ['graph', (graph: Graph) => graphModelParts(graph, none)],
  ] as const)('is named with its module (%s)', (target, write) => {
    const graph = new Graph();
    const x = input(graph, [1, 1, 2, 2]);
    const place = { scope: 'stages.1.blocks.0', backward: false };
    const y = graph.one('GeluGrad', {}, [x, x], { dtype: 'float32', shape: [1, 1, 2, 2] }, place);
    graph.outputs.set('logits', y);
    expect(() => write(graph)).toThrow(
      new RegExp(`^${target}: GeluGrad in module "stages\\.1\\.blocks\\.0" cannot be written`),
    );
  });

  it('is a resize by a part of a pixel in Core ML', () => {
    const graph = new Graph();
    const x = input(graph, [1, 4, 4, 2]);
    const size = [4, 10] as const;
    const y = graph.one('ResizeNearest', { size }, [x], { dtype: 'float32', shape: [1, ...size, 2] });
    graph.outputs.set('logits', y);
    expect(() => writeCoreml(graph, { weights: none, mean: [0, 0], std: [1, 1] })).toThrow(
      /ResizeNearest outside of every module .* whole factors, not 4×4 to 4×10/,
    );
  });
});
