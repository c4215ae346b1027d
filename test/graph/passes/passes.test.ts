import { describe, expect, it } from 'vitest';
import { Graph, nodesOf, type Ref } from '../../../src/graph/graph.js';
import {
  foldBatchNorm,
  foldConstants,
  fuseActivation,
  fuseBias,
  removeDeadCode,
  shareCommonSubexpressions,
} from '../../../src/graph/passes/index.js';
import { fuseAddition } from '../../../src/graph/passes/fuse-addition.js';
import { fuseNormWithGelu } from '../../../src/graph/passes/fuse-norm-gelu.js';

const type = (...shape: number[]) => ({ dtype: 'float32', shape }) as const;

/** A graph that is built one node after the other. */
function builder() {
  const graph = new Graph();
  return {
    graph,
    input: (name: string, ...shape: number[]) => graph.one('Input', { name }, [], type(...shape)),
    variable: (name: string, ...shape: number[]) => graph.one('Variable', { name }, [], type(...shape)),
    constant: (data: number[], ...shape: number[]) =>
      graph.one(
        'Const',
        { value: { dtype: 'float32', shape, data: Float32Array.from(data) } },
        [],
        type(...shape),
      ),
    conv: (x: Ref, filter: Ref, ...shape: number[]) =>
      graph.one('Conv2d', { stride: 1, groups: 1 }, [x, filter], type(...shape)),
  };
}

const ops = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);

describe('passes', () => {
  it('dead code goes, inputs stay', () => {
    const { graph, input } = builder();
    const [x, unused] = [input('x', 2), input('unused', 2)];
    graph.one('Exp', {}, [unused], type(2));
    graph.outputs.set('y', graph.one('Neg', {}, [x], type(2)));
    expect(ops(removeDeadCode(graph))).toEqual(['Input', 'Input', 'Neg']);
  });

  it('what is computed twice is computed once; other attributes are another thing', () => {
    const { graph, input } = builder();
    const x = input('x', 2, 3);
    const sum = (axes: number[], shape: number[]) =>
      graph.one('Sum', { axes, keepDims: false }, [x], type(...shape));
    const [a, b, c] = [sum([0], [3]), sum([0], [3]), sum([1], [2])];
    graph.outputs.set('a', graph.one('Exp', {}, [a], type(3)));
    graph.outputs.set('b', graph.one('Exp', {}, [b], type(3)));
    graph.outputs.set('c', c);
    const shared = shareCommonSubexpressions(graph);
    expect(ops(shared)).toEqual(['Input', 'Sum', 'Sum', 'Exp']);
    expect(shared.outputs.get('a')!.node).toBe(shared.outputs.get('b')!.node);
  });

  it('constants are worked out; adding 0 and multiplying by 1 goes unless it broadcasts', () => {
    const { graph, input, constant } = builder();
    const x = input('x', 2);
    const half = graph.one('Div', {}, [constant([1]), constant([2])], type());
    const kept = graph.one(
      'Mul',
      {},
      [graph.one('Add', {}, [x, constant([0])], type(2)), constant([1])],
      type(2),
    );
    graph.outputs.set('y', graph.one('Mul', {}, [kept, half], type(2)));
    graph.outputs.set('z', graph.one('Mul', {}, [x, constant([1, 1, 1, 1], 2, 2)], type(2, 2)));
    const folded = removeDeadCode(foldConstants(graph));
    expect(ops(folded)).toEqual(['Input', 'Const', 'Mul', 'Const', 'Mul']);
    const [first] = nodesOf(folded, 'Mul');
    expect(first!.inputs[0]!.node.op).toBe('Input');
    expect(first!.inputs[1]!.node.attrs).toMatchObject({ value: { data: Float32Array.of(0.5) } });
  });

  it('a bias joins its convolution, a ReLU joins after it; not where the convolution is used elsewhere too', () => {
    const { graph, input, variable, conv } = builder();
    const y = conv(input('x', 1, 4, 4, 2), variable('w', 1, 1, 2, 3), 1, 4, 4, 3);
    const biased = graph.one('Add', {}, [variable('b', 3), y], type(1, 4, 4, 3));
    graph.outputs.set('y', graph.one('Relu', {}, [biased], type(1, 4, 4, 3)));
    const fused = removeDeadCode(fuseActivation(fuseBias(graph)));
    expect(ops(fused)).toEqual(['Input', 'Variable', 'Variable', 'Conv2d']);
    expect(nodesOf(fused, 'Conv2d')[0]).toMatchObject({ attrs: { activation: 'relu' } });
    expect(nodesOf(fused, 'Conv2d')[0]!.inputs).toHaveLength(3);

    graph.outputs.set('raw', y);
    expect(ops(removeDeadCode(fuseBias(graph)))).toContain('Add');
  });

  it('a batch norm folds into its convolution, groups and bias considered', () => {
    const { graph, input, constant } = builder();
    const x = input('x', 1, 1, 1, 4);
    const filter = constant([1, 2, 3, 4], 1, 1, 4, 1);
    const y = graph.one(
      'Conv2d',
      { stride: 1, groups: 2 },
      [x, filter, constant([10, 20], 2)],
      type(1, 1, 1, 2),
    );
    const statistics = [
      constant([1, 2], 2),
      constant([3, 15], 2),
      constant([0.5, 0.25], 2),
      constant([2, 4], 2),
    ];
    graph.outputs.set('y', graph.one('BatchNorm', { epsilon: 1 }, [y, ...statistics], type(1, 1, 1, 2)));
    const folded = removeDeadCode(foldBatchNorm(graph, new Map()));
    const [conv] = nodesOf(folded, 'Conv2d');
    const data = (i: number) => (conv!.inputs[i]!.node.attrs as { value: { data: Float32Array } }).value.data;
    // Scales 2 / √4 and 4 / √16: both 1; shifts 0.5 + (10 - 1) and 0.25 + (20 - 2).
    expect([...data(1)]).toEqual([1, 2, 3, 4]);
    expect([...data(2)]).toEqual([9.5, 18.25]);
    expect(ops(folded)).not.toContain('BatchNorm');
  });

  it('a batch norm takes over the GELU after it, forward and backward', () => {
    const { graph, input, variable } = builder();
    const [x, dy] = [input('x', 8, 4), input('dy', 8, 4)];
    const [gamma, beta] = [variable('gamma', 4), variable('beta', 4)];
    const channel = type(4);
    const norm = graph.add(
      'BatchNormTraining',
      { epsilon: 1e-5 },
      [x, gamma, beta],
      [type(8, 4), channel, channel, channel, channel, channel],
    );
    const out = (output: number): Ref => ({ node: norm, output });
    graph.outputs.set('y', graph.one('Gelu', {}, [out(0)], type(8, 4)));
    const dz = graph.one('GeluGrad', {}, [dy, out(0)], type(8, 4));
    const grad = graph.add(
      'BatchNormTrainingGrad',
      { epsilon: 1e-5 },
      [dz, x, gamma, out(1), out(3), out(4), out(5)],
      [type(8, 4), channel, channel],
    );
    graph.outputs.set('dx', { node: grad, output: 0 });
    const fused = removeDeadCode(fuseNormWithGelu(graph));
    expect(ops(fused).filter((op) => op.includes('elu'))).toEqual([]);
    expect(nodesOf(fused, 'BatchNormTraining')[0]!.attrs.gelu).toBe(true);
    const [gradient] = nodesOf(fused, 'BatchNormTrainingGrad');
    expect(gradient!.attrs.gelu).toBe(true);
    expect(gradient!.inputs.map(({ node }) => node.op).at(-1)).toBe('Variable');

    graph.outputs.set('z', out(0));
    expect(nodesOf(fuseNormWithGelu(graph), 'BatchNormTraining')[0]!.attrs.gelu).toBe(false);
  });

  describe('additions join what our own operations compute', () => {
    const map = type(1, 4, 4, 3);
    const norm = (graph: Graph, x: Ref, gelu = false): Ref => {
      const channel = type(3);
      const scale = graph.one('Variable', { name: 'scale' }, [], channel);
      const outputs = [map, channel, channel, channel, channel, channel];
      const node = graph.add('BatchNormTraining', { epsilon: 1e-5, gelu }, [x, scale, scale], outputs);
      graph.updates.set('mean', { node, output: 1 });
      return { node, output: 0 };
    };

    it('of a resizing, before or after what is added', () => {
      for (const swap of [false, true]) {
        const { graph, input } = builder();
        const small = graph.one('ResizeBilinear', { size: [4, 4] }, [input('small', 1, 2, 2, 3)], map);
        const large = graph.one('Neg', {}, [input('large', 1, 4, 4, 3)], map);
        graph.outputs.set('y', graph.one('Add', {}, swap ? [large, small] : [small, large], map));
        const fused = fuseAddition(graph);
        expect(ops(fused)).toEqual(['Input', 'Input', 'Neg', 'ResizeBilinear']);
        expect(fused.nodes.at(-1)!.inputs.map(({ node }) => node.op)).toEqual(['Input', 'Neg']);
      }
    });

    it('of a batch norm whose statistics are wanted before', () => {
      const { graph, input } = builder();
      const x = input('x', 1, 4, 4, 3);
      graph.outputs.set('y', graph.one('Add', {}, [x, norm(graph, x)], map));
      const fused = fuseAddition(graph);
      expect(ops(fused)).toEqual(['Input', 'Variable', 'BatchNormTraining']);
      expect(fused.nodes.at(-1)!.inputs).toHaveLength(4);
      expect(fused.updates.get('mean')).toEqual({ node: fused.nodes.at(-1), output: 1 });
    });

    it('of the input gradient of a depthwise convolution; of a dense one not', () => {
      for (const groups of [3, 1]) {
        const { graph, input, variable } = builder();
        const [dy, other] = [input('dy', 1, 4, 4, 3), input('other', 1, 4, 4, 3)];
        const filter = groups === 3 ? variable('w', 5, 5, 3, 1) : variable('w', 5, 5, 3, 3);
        const attrs = { inputShape: map.shape, stride: 1, groups } as const;
        const dx = graph.one('Conv2dInputGrad', attrs, [dy, filter], map);
        graph.outputs.set('dx', graph.one('Add', {}, [dx, other], map));
        expect(ops(fuseAddition(graph)).includes('Add')).toBe(groups === 1);
      }
    });

    it('not where the sum broadcasts, the value is used elsewhere, or a GELU stands between', () => {
      const cases: ((graph: Graph, x: Ref) => void)[] = [
        (graph, x) => {
          const one = graph.one(
            'Const',
            { value: { dtype: 'float32', shape: [], data: Float32Array.of(1) } },
            [],
            type(),
          );
          graph.outputs.set('y', graph.one('Add', {}, [norm(graph, x), one], map));
        },
        (graph, x) => {
          const y = norm(graph, x);
          graph.outputs.set('y', graph.one('Add', {}, [x, y], map));
          graph.outputs.set('z', y);
        },
        (graph, x) => graph.outputs.set('y', graph.one('Add', {}, [x, norm(graph, x, true)], map)),
        // What is added comes of the batch norm itself.
        (graph, x) => {
          const y = norm(graph, x);
          const later = graph.one('Mul', {}, [x, { node: y.node, output: 1 }], map);
          graph.outputs.set('y', graph.one('Add', {}, [y, later], map));
        },
      ];
      for (const build of cases) {
        const { graph, input } = builder();
        build(graph, input('x', 1, 4, 4, 3));
        expect(ops(fuseAddition(graph))).toContain('Add');
      }
    });
  });
});
