import * as tf from '@tensorflow/tfjs';
import { tfShape, toTf, toTorch } from '../../../src/layers/weight-layout.js';
import type { WeightSpec } from '../../../src/layers/spec/module-spec.js';
import type {
  DataConfig,
  ForwardContext,
  ImageModel,
  TrainingOutput,
} from '../../../src/models/image-model.js';
import type { StateDict } from '../../../src/models/state-dict.js';
import { syntheticWeight } from '../../helpers/synthetic.js';

export interface TinyOptions {
  classes?: number;
  distillation?: boolean;
  /** Prefix of the generator's keys: models with different keys have different weights. */
  key?: string;
  /** Rate of the stochastic depth of `block`. */
  dropPath?: number;
}

const MOMENTUM = 0.1;
const EPS = 1e-5;

/**
 * A classifier of three layers with everything a training loop must handle: a convolution, a depthwise one with stochastic depth, a batch norm
 * with running statistics, two heads.
 */
export class TinyModel implements ImageModel {
  readonly name = 'tiny';
  readonly inChans = 3;
  readonly dataConfig: DataConfig = {
    inputSize: [3, 8, 8],
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    interpolation: 'bicubic',
    cropPct: 0.875,
    cropMode: 'center',
  };
  readonly numClasses: number;
  readonly distillation: boolean;
  readonly parameters = new Map<string, tf.Variable>();
  readonly parameterSpecs = new Map<string, WeightSpec & { layout: 'conv' | 'linear' | 'vector' }>();
  readonly buffers = new Map<string, tf.Variable>();
  trackedBatches = 0n;
  /** What stochastic depth drew, a line a training step. */
  readonly draws: string[] = [];
  private readonly dropPath: number;

  constructor({ classes = 4, distillation = false, key = '', dropPath = 0 }: TinyOptions = {}) {
    this.numClasses = classes;
    this.distillation = distillation;
    this.dropPath = dropPath;
    const specs: [string, WeightSpec['layout'], number[], number?][] = [
      ['stem.weight', 'conv', [6, 3, 3, 3]],
      ['norm.weight', 'vector', [6]],
      ['norm.bias', 'vector', [6]],
      ['norm.running_mean', 'vector', [6]],
      ['norm.running_var', 'vector', [6]],
      ['block.weight', 'conv', [6, 1, 3, 3], 6],
      ['head.head.linear.weight', 'linear', [classes, 6]],
      ['head.head.linear.bias', 'vector', [classes]],
      ['head.head_dist.linear.weight', 'linear', [classes, 6]],
      ['head.head_dist.linear.bias', 'vector', [classes]],
    ];
    for (const [name, layout, shape, groups = 1] of specs) {
      const trainable = !name.includes('running_');
      const spec = {
        name,
        layout,
        shape,
        groups,
        trainable,
        init: { kind: 'constant', value: 0 },
      } as WeightSpec;
      const values = toTf(spec, syntheticWeight(key + name, shape));
      const variable = tf.tidy(() => tf.variable(tf.tensor(values, tfShape(spec)), trainable));
      (trainable ? this.parameters : this.buffers).set(name, variable);
      this.parameterSpecs.set(name, spec as WeightSpec & { layout: 'conv' });
    }
  }

  private weight<T extends tf.Tensor>(name: string): T {
    return (this.parameters.get(name) ?? this.buffers.get(name)) as unknown as T;
  }

  private heads(x: tf.Tensor4D, context: ForwardContext): [tf.Tensor2D, tf.Tensor2D] {
    let h = tf.conv2d(x, this.weight<tf.Tensor4D>('stem.weight'), 2, 'same') as tf.Tensor4D;
    h = this.norm(h, context).relu();
    let branch = tf.depthwiseConv2d(h, this.weight<tf.Tensor4D>('block.weight'), 1, 'same') as tf.Tensor4D;
    if (context.training && this.dropPath > 0) {
      const keep = 1 - this.dropPath;
      const batch = x.shape[0];
      const uniform = context.uniform?.('block', batch) ?? tf.randomUniform([batch]);
      this.draws.push(uniform.dataSync().join());
      branch = branch.mul(uniform.less(keep).cast('float32').div(keep).reshape([batch, 1, 1, 1]));
    }
    const pooled = h.add(branch).mean([1, 2]) as tf.Tensor2D;
    const linear = (head: string) =>
      pooled
        .matMul(this.weight<tf.Tensor2D>(`head.${head}.linear.weight`))
        .add(this.weight(`head.${head}.linear.bias`)) as tf.Tensor2D;
    return [linear('head'), linear('head_dist')];
  }

  private norm(x: tf.Tensor4D, { training, freezeBatchNorm }: ForwardContext): tf.Tensor4D {
    const [mean, variance] = [
      this.weight<tf.Variable>('norm.running_mean'),
      this.weight<tf.Variable>('norm.running_var'),
    ];
    const scale = (m: tf.Tensor, v: tf.Tensor) =>
      x
        .sub(m)
        .div(v.add(EPS).sqrt())
        .mul(this.weight('norm.weight'))
        .add(this.weight('norm.bias')) as tf.Tensor4D;
    const frozen = typeof freezeBatchNorm === 'function' ? freezeBatchNorm('norm') : freezeBatchNorm;
    if (!training || frozen) return scale(mean, variance);
    const batch = tf.moments(x, [0, 1, 2]);
    const count = x.size / 6;
    mean.assign(mean.mul(1 - MOMENTUM).add(batch.mean.mul(MOMENTUM)));
    variance.assign(variance.mul(1 - MOMENTUM).add(batch.variance.mul((MOMENTUM * count) / (count - 1))));
    return scale(batch.mean, batch.variance);
  }

  forward(x: tf.Tensor4D, context: ForwardContext = {}): tf.Tensor2D {
    return tf.tidy(() => {
      const [head, dist] = this.heads(x, { ...context, training: false });
      return head.add(dist).div(2) as tf.Tensor2D;
    });
  }

  forwardTraining(x: tf.Tensor4D, context: ForwardContext = {}): TrainingOutput {
    const [logits, dist] = this.heads(x, { ...context, training: true });
    return this.distillation ? { logits, dist } : { logits: logits.add(dist).div(2) };
  }

  stateDict(): StateDict {
    return new Map(
      [...this.parameterSpecs].map(([name, spec]) => [
        name,
        { shape: spec.shape, data: toTorch(spec, this.weight(name).dataSync() as Float32Array) },
      ]),
    );
  }

  loadStateDict(weights: StateDict): void {
    for (const [name, spec] of this.parameterSpecs) {
      const entry = weights.get(name);
      if (entry === undefined) throw new Error(`missing ${name}`);
      if (String(entry.shape) !== String(spec.shape)) throw new Error(`shape of ${name}`);
      const values = toTf(spec, entry.data as Float32Array);
      tf.tidy(() => this.weight<tf.Variable>(name).assign(tf.tensor(values, tfShape(spec))));
    }
  }

  dispose(): void {
    for (const variable of [...this.parameters.values(), ...this.buffers.values()]) variable.dispose();
  }
}
