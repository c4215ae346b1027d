import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import { Head, type ForwardContext, type ModuleLayer } from '../layers/index.js';
import { randomWeights, type WeightSource } from '../layers/initial-weights.js';
import { createLayer } from '../layers/module-layer.js';
import type { ModuleSpec } from '../layers/spec/module-spec.js';
import { recNextDataConfig } from './data-config.js';
import type { DataConfig, ImageModel, ParameterSpec, TrainingOutput } from './image-model.js';
import { exportWeights, importWeights, type ModelWeight } from './model-weights.js';
import type { RecNextConfig } from './recnext-config.js';
import { recNextSpec } from './recnext-spec.js';
import type { StateDict } from './state-dict.js';

/**
 * A RecNeXt: the stem, four stages and the head as TF.js layers, run in plain TF.js on any backend.
 *
 * Inputs are `[batch, height, width, inChans]`, normalised; any size works, odd and non-square ones included.
 */
export class RecNext implements ImageModel {
  readonly config: RecNextConfig;
  readonly spec: ModuleSpec;
  readonly dataConfig: DataConfig;
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  readonly buffers: ReadonlyMap<string, tf.Variable>;
  readonly parameterSpecs: ReadonlyMap<string, ParameterSpec>;
  private readonly layers: readonly ModuleLayer[];
  private readonly head: Head;
  private readonly weights: readonly ModelWeight[];
  /** Batches seen in training, for the checkpoint's `num_batches_tracked`. */
  private batches = 0n;

  /** @param source first values of the weights; default: PyTorch's distributions, seed 0 */
  constructor(config: RecNextConfig, source: WeightSource = randomWeights(0)) {
    this.config = config;
    this.spec = recNextSpec(config);
    this.dataConfig = recNextDataConfig(config);
    const layers = this.spec.children.map(([name, child]) => createLayer(child, name));
    layers.forEach((layer) => layer.buildModule(source));
    this.layers = layers.slice(0, -1);
    this.head = layers.at(-1) as Head;
    this.weights = layers.flatMap((layer) => layer.namedVariables());
    this.parameters = this.variables(true);
    this.buffers = this.variables(false);
    this.parameterSpecs = new Map(
      this.weights.flatMap(([name, { layout, groups, shape, trainable }]) =>
        trainable && layout !== 'counter' ? [[name, { layout, groups, shape }] as const] : [],
      ),
    );
  }

  get name(): string {
    return this.config.name;
  }

  get numClasses(): number {
    return this.config.numClasses;
  }

  get inChans(): number {
    return this.config.inChans;
  }

  get distillation(): boolean {
    return this.config.distillation;
  }

  /** Channels of the last feature map. */
  get numFeatures(): number {
    return this.config.dims.at(-1)!;
  }

  forward(x: tf.Tensor4D, context: ForwardContext = {}): tf.Tensor2D {
    return tf.tidy(() => this.head.run(this.forwardFeatures(x, context), context) as tf.Tensor2D);
  }

  forwardTraining(x: tf.Tensor4D, context: ForwardContext = {}): TrainingOutput {
    const training = { ...context, training: true };
    if (!context.freezeBatchNorm) this.batches++;
    if (!this.distillation || this.numClasses === 0) return { logits: this.forward(x, training) };
    this.requireBothHeads();
    const [logits, dist] = tf.tidy(() => this.head.runBoth(this.forwardFeatures(x, training), training));
    return { logits, dist };
  }

  /** The last stage's map: `[b, h, w, numFeatures]`. */
  forwardFeatures(x: tf.Tensor4D, context: ForwardContext = {}): tf.Tensor4D {
    this.checkInput(x);
    return tf.tidy(
      () =>
        this.layers.reduce<tf.Tensor>((map, layer) => this.step(layer, map, x, context), x) as tf.Tensor4D,
    );
  }

  /** One layer of the backbone; its input is given up as soon as it is used. */
  private step(layer: ModuleLayer, map: tf.Tensor, input: tf.Tensor, context: ForwardContext): tf.Tensor {
    const output = layer.run(map, context);
    if (map !== input && output !== map) map.dispose();
    return output;
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
    const output = [...this.layers, this.head].reduce<tf.SymbolicTensor>(
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

  private requireBothHeads(): void {
    if (this.config.fuse === 'none') return;
    throw new UserError(
      `${this.name} is fused: its two heads are one, so it cannot be trained with distillation. Train the unfused model.`,
    );
  }

  private checkInput(x: tf.Tensor): void {
    if (x.rank === 4 && x.shape[3] === this.inChans && x.shape[1]! > 0 && x.shape[2]! > 0) return;
    throw new UserError(
      `${this.name} expects images as [batch, height, width, ${this.inChans}], found [${x.shape.join(', ')}]`,
    );
  }
}
