import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import { createLayer, type ForwardContext, type ModuleLayer } from '../layers/index.js';
import type { WeightSource } from '../layers/initial-weights.js';
import type { ModuleSpec } from '../layers/spec/module-spec.js';
import type { DataConfig, ImageModel, ParameterSpec, TrainingOutput } from './image-model.js';
import { exportWeights, importWeights, type ModelWeight } from './model-weights.js';
import type { StateDict } from './state-dict.js';

/** What a model is besides its layers. */
export interface ModelIdentity {
  readonly name: string;
  readonly numClasses: number;
  readonly inChans: number;
  readonly dataConfig: DataConfig;
}

/**
 * A classifier built from its description: layers that run one after the other, the head last, in plain TF.js on any
 * backend. Inputs are `[batch, height, width, inChans]`, normalised; any size works, odd and non-square ones included.
 */
export class SpecModel implements ImageModel {
  readonly name: string;
  readonly numClasses: number;
  readonly inChans: number;
  readonly dataConfig: DataConfig;
  readonly spec: ModuleSpec;
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  readonly buffers: ReadonlyMap<string, tf.Variable>;
  readonly parameterSpecs: ReadonlyMap<string, ParameterSpec>;
  /** All layers but the head. */
  protected readonly backbone: readonly ModuleLayer[];
  protected readonly head: ModuleLayer;
  private readonly weights: readonly ModelWeight[];
  /** Batches seen in training, for the checkpoint's `num_batches_tracked`. */
  private batches = 0n;

  protected constructor(spec: ModuleSpec, identity: ModelIdentity, source: WeightSource) {
    ({
      name: this.name,
      numClasses: this.numClasses,
      inChans: this.inChans,
      dataConfig: this.dataConfig,
    } = identity);
    this.spec = spec;
    const layers = spec.children.map(([name, child]) => createLayer(child, name));
    layers.forEach((layer) => layer.buildModule(source));
    this.backbone = layers.slice(0, -1);
    this.head = layers.at(-1)!;
    this.weights = layers.flatMap((layer) => layer.namedVariables());
    this.parameters = this.variables(true);
    this.buffers = this.variables(false);
    this.parameterSpecs = new Map(
      this.weights.flatMap(([name, { layout, groups, shape, trainable }]) =>
        trainable && layout !== 'counter' ? [[name, { layout, groups, shape }] as const] : [],
      ),
    );
  }

  /** False: a model with one head. */
  get distillation(): boolean {
    return false;
  }

  forward(x: tf.Tensor4D, context: ForwardContext = {}): tf.Tensor2D {
    return tf.tidy(() => this.head.run(this.forwardFeatures(x, context), context) as tf.Tensor2D);
  }

  forwardTraining(x: tf.Tensor4D, context: ForwardContext = {}): TrainingOutput {
    if (!context.freezeBatchNorm) this.batches++;
    return this.trainingOutput(x, { ...context, training: true });
  }

  protected trainingOutput(x: tf.Tensor4D, context: ForwardContext): TrainingOutput {
    return { logits: this.forward(x, context) };
  }

  /** The last feature map: `[b, h, w, numFeatures]`. */
  forwardFeatures(x: tf.Tensor4D, context: ForwardContext = {}): tf.Tensor4D {
    this.checkInput(x);
    return tf.tidy(() => {
      let map: tf.Tensor = x;
      for (const layer of this.backbone) {
        const output = layer.run(map, context);
        // A tidy around all layers would hold every map to the end.
        if (map !== x && map !== output) map.dispose();
        map = output;
      }
      return map as tf.Tensor4D;
    });
  }

  stateDict(): StateDict {
    return exportWeights(this.spec, this.weights, this.batches);
  }

  loadStateDict(state: StateDict, options: { strict?: boolean; source?: string } = {}): void {
    importWeights(this.name, this.spec, this.weights, state, options);
    const counter = [...state].find(([name]) => name.endsWith('.num_batches_tracked'))?.[1].data[0];
    if (counter !== undefined) this.batches = BigInt(counter);
  }

  /**
   * The model as a `tf.LayersModel` that shares this model's weights: what `save` and `tf.loadLayersModel` need.
   * Disposing of either disposes of both.
   */
  toLayersModel(): tf.LayersModel {
    const input = tf.input({ shape: [null, null, this.inChans], name: 'images' });
    const output = [...this.backbone, this.head].reduce<tf.SymbolicTensor>(
      (x, layer) => layer.apply(x) as tf.SymbolicTensor,
      input,
    );
    return tf.model({ inputs: input, outputs: output, name: this.name });
  }

  dispose(): void {
    for (const [, , variable] of this.weights) variable.dispose();
  }

  private variables(trainable: boolean): Map<string, tf.Variable> {
    return new Map(
      this.weights.flatMap(([name, spec, variable]) =>
        spec.trainable === trainable ? [[name, variable.read() as tf.Variable] as const] : [],
      ),
    );
  }

  private checkInput(x: tf.Tensor): void {
    if (x.rank === 4 && x.shape[3] === this.inChans && x.shape[1]! > 0 && x.shape[2]! > 0) return;
    throw new UserError(
      `${this.name} expects images as [batch, height, width, ${this.inChans}], found [${x.shape.join(', ')}]`,
    );
  }
}
