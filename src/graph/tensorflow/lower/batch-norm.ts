import { shapeOf } from '../../graph.js';
import type { NodeBuilder } from '../node-builder.js';
import { FLOAT, type NodeAttr } from '../node-def.js';
import type { LowerTable } from './lowering.js';

export const batchNorm: LowerTable<'BatchNorm' | 'BatchNormTraining' | 'BatchNormTrainingGrad'> = {
  BatchNorm: (node, [x, mean, variance, beta, gamma], to) => {
    const shape = shapeOf(node.inputs[0]!);
    const y = to.add('FusedBatchNormV3', [asImages(to, x!, shape), gamma!, beta!, mean!, variance!], {
      ...common(node.attrs.epsilon, false),
      exponential_avg_factor: { float: 1 },
    });
    return [asBefore(to, y, shape)];
  },
  BatchNormTraining: (node, [x, gamma, beta, ...addends], to) => {
    const shape = shapeOf(node.inputs[0]!);
    const { epsilon, gelu } = node.attrs;
    if (gelu !== undefined) {
      const y = to.add('RecnextBatchNorm', [x!, gamma!, beta!, ...addends], {
        N: { int: addends.length },
        epsilon: { float: epsilon },
        gelu: { bool: gelu },
      });
      // mean, variance and, for the gradient, the inverse deviation in place of the first reserve.
      return [y, `${y}:1`, `${y}:2`, `${y}:3`];
    }
    const unused = to.constant({ dtype: 'float32', shape: [0], data: new Float32Array(0) });
    const y = to.add('FusedBatchNormV3', [asImages(to, x!, shape), gamma!, beta!, unused, unused], {
      ...common(epsilon, true),
      exponential_avg_factor: { float: 1 },
    });
    return [asBefore(to, y, shape), ...[1, 2, 3, 4, 5].map((i) => `${y}:${i}`)];
  },
  BatchNormTrainingGrad: (node, inputs, to) => {
    const [dy, x, gamma, mean, ...reserves] = inputs;
    const shape = shapeOf(node.inputs[1]!);
    const { gelu } = node.attrs;
    if (gelu !== undefined) {
      const [inverseDeviation, , , beta] = reserves;
      const dx = to.add('RecnextBatchNormGrad', [dy!, x!, gamma!, beta!, mean!, inverseDeviation!], {
        gelu: { bool: gelu },
      });
      return [dx, `${dx}:1`, `${dx}:2`];
    }
    const dx = to.add(
      'FusedBatchNormGradV3',
      [asImages(to, dy!, shape), asImages(to, x!, shape), gamma!, ...reserves],
      common(node.attrs.epsilon, true),
    );
    return [asBefore(to, dx, shape), `${dx}:1`, `${dx}:2`];
  },
};

function common(epsilon: number, training: boolean): Record<string, NodeAttr> {
  return {
    T: FLOAT,
    U: FLOAT,
    epsilon: { float: epsilon },
    data_format: { text: 'NHWC' },
    is_training: { bool: training },
  };
}

/** [n, c] as [n, 1, 1, c]: TensorFlow's operation knows images only. */
function asImages(to: NodeBuilder, x: string, shape: readonly number[]): string {
  return shape.length === 2 ? to.reshape(x, [-1, 1, 1, shape[1]!]) : x;
}

function asBefore(to: NodeBuilder, x: string, shape: readonly number[]): string {
  return shape.length === 2 ? to.reshape(x, [-1, shape[1]!]) : x;
}
