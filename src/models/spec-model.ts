import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import { createLayer, type ForwardContext, type ModuleLayer } from '../layers/index.js';
import type { WeightSource } from '../layers/initial-weights.js';
import type { ModuleSpec } from '../layers/spec/module-spec.js';
import { stageIndices } from './stage-indices.js';
import type { DataConfig, ImageModel, ParameterSpec, TrainingOutput } from './image-model.js';
import { exportWeights, importWeights, type ModelWeight } from './model-weights.js';
import type { StateDict } from './state-dict.js';

/** What a model is besides its layers. */
export interface ModelIdentity {
  readonly name: string;
  readonly inChans: number;
  readonly dataConfig: DataConfig;
}

/**
 * A classifier built from its description: layers that run one after the other, the head last, in plain TF.js on any
 * backend. Inputs are `[batch, height, width, inChans]`, normalised; any size works, odd and non-square ones included.
 */
export abstract class SpecModel implements ImageModel {
  readonly name: string;
  readonly inChans: number;
  readonly dataConfig: DataConfig;
  /** All layers but the head. */
  protected readonly backbone: readonly ModuleLayer[];
  private parts: Parts;
  trackedBatches = 0n;

  protected constructor(spec: ModuleSpec, identity: ModelIdentity, source: WeightSource) {
    ({ name: this.name, inChans: this.inChans, dataConfig: this.dataConfig } = identity);
    const layers = spec.children.map(([name, child]) => createLayer(child, name));
    layers.forEach((layer) => layer.buildModule(source));
    this.backbone = layers.slice(0, -1);
    this.parts = assemble(spec, this.backbone, layers.at(-1)!);
  }

  get spec(): ModuleSpec {
    return this.parts.spec;
  }

  get parameters(): ReadonlyMap<string, tf.Variable> {
    return this.parts.parameters;
  }

  get buffers(): ReadonlyMap<string, tf.Variable> {
    return this.parts.buffers;
  }

  get parameterSpecs(): ReadonlyMap<string, ParameterSpec> {
    return this.parts.parameterSpecs;
  }

  protected get head(): ModuleLayer {
    return this.parts.head;
  }

  private get weights(): readonly ModelWeight[] {
    return this.parts.weights;
  }

  abstract get numClasses(): number;

  /** False: a model with one head. */
  get distillation(): boolean {
    return false;
  }

  forward(x: tf.Tensor4D, context: ForwardContext = {}): tf.Tensor2D {
    return tf.tidy(() => this.head.run(this.forwardFeatures(x, context), context) as tf.Tensor2D);
  }

  forwardTraining(x: tf.Tensor4D, context: ForwardContext = {}): TrainingOutput {
    if (context.freezeBatchNorm !== true) this.trackedBatches++;
    return this.trainingOutput(x, { ...context, training: true });
  }

  protected trainingOutput(x: tf.Tensor4D, context: ForwardContext): TrainingOutput {
    return { logits: this.forward(x, context) };
  }

  /** The last feature map: `[b, h, w, numFeatures]`. */
  forwardFeatures(x: tf.Tensor4D, context: ForwardContext = {}): tf.Tensor4D {
    return tf.tidy(() => this.runBackbone(x, context, () => false).features);
  }

  /**
   * From the last feature map to the logits (timm's `forward_head`).
   *
   * @param options.preLogits the pooled features `[b, numFeatures]` instead
   */
  forwardHead(
    features: tf.Tensor4D,
    { preLogits = false, ...context }: ForwardContext & { preLogits?: boolean } = {},
  ): tf.Tensor2D {
    if (preLogits) return tf.tidy(() => tf.mean<tf.Tensor2D>(features, [1, 2]));
    return this.head.run(features, context) as tf.Tensor2D;
  }

  /**
   * The last feature map and those of the stages asked for (timm's `forward_intermediates`), NHWC.
   *
   * @param options.indices stages, counted from 0 or, negative, from the end; a number n: the last n. Default: all
   * @throws UsageError for a stage that the model does not have
   */
  forwardIntermediates(
    x: tf.Tensor4D,
    { indices, ...context }: ForwardContext & { indices?: number | readonly number[] } = {},
  ): { features: tf.Tensor4D; intermediates: tf.Tensor4D[] } {
    const wanted = stageIndices(indices, this.stageCount, this.name);
    return tf.tidy(() => {
      const { features, kept } = this.runBackbone(x, context, (stage) => wanted.includes(stage));
      return { features, intermediates: wanted.map((stage) => kept.get(stage)!.clone()) };
    });
  }

  /** Stages: what the backbone has after the stem. */
  protected get stageCount(): number {
    return this.backbone.length - 1;
  }

  /** Runs all layers but the head; keeps the output of the stages that `keep` names. Called inside a tidy. */
  private runBackbone(
    x: tf.Tensor4D,
    context: ForwardContext,
    keep: (stage: number) => boolean,
  ): { features: tf.Tensor4D; kept: Map<number, tf.Tensor4D> } {
    this.checkInput(x);
    const kept = new Map<number, tf.Tensor4D>();
    let map: tf.Tensor = x;
    this.backbone.forEach((layer, i) => {
      const output = layer.run(map, context);
      // A tidy around all layers would hold every map to the end.
      if (map !== x && map !== output && !keep(i - 2)) map.dispose();
      map = output;
      if (keep(i - 1)) kept.set(i - 1, map as tf.Tensor4D);
    });
    return { features: map as tf.Tensor4D, kept };
  }

  /** Puts a fresh head in place of the one there is. */
  protected replaceHead(spec: ModuleSpec, source: WeightSource): void {
    const [name, child] = spec.children.at(-1)!;
    const head = createLayer(child, name);
    head.buildModule(source);
    for (const [, , variable] of this.head.namedVariables()) variable.dispose();
    this.parts = assemble(spec, this.backbone, head);
  }

  stateDict(): StateDict {
    return exportWeights(this.spec, this.weights, this.trackedBatches);
  }

  loadStateDict(state: StateDict, options: { strict?: boolean; source?: string } = {}): void {
    importWeights(this.name, this.spec, this.weights, state, options);
    const counter = [...state].find(([name]) => name.endsWith('.num_batches_tracked'))?.[1].data[0];
    if (counter !== undefined) this.trackedBatches = BigInt(counter);
  }

  /**
   * The model as a `tf.LayersModel` that shares this model's weights: what `save` and `tf.loadLayersModel` need.
   * Disposing of either disposes of both; `resetClassifier` takes the head away from a LayersModel made before it.
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
    for (const variable of [...this.parameters.values(), ...this.buffers.values()]) {
      if (!variable.isDisposed) variable.dispose();
    }
  }

  private checkInput(x: tf.Tensor): void {
    if (x.rank === 4 && x.shape[3] === this.inChans && x.shape[1]! > 0 && x.shape[2]! > 0) return;
    throw new UserError(
      `${this.name} expects images as [batch, height, width, ${this.inChans}], found [${x.shape.join(', ')}]`,
    );
  }
}

/** A model's layers taken together: its description and its weights by name. */
interface Parts {
  readonly spec: ModuleSpec;
  readonly head: ModuleLayer;
  readonly weights: readonly ModelWeight[];
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  readonly buffers: ReadonlyMap<string, tf.Variable>;
  readonly parameterSpecs: ReadonlyMap<string, ParameterSpec>;
}

function assemble(spec: ModuleSpec, backbone: readonly ModuleLayer[], head: ModuleLayer): Parts {
  const weights = [...backbone, head].flatMap((layer) => layer.namedVariables());
  const variables = (trainable: boolean): Map<string, tf.Variable> =>
    new Map(
      weights.flatMap(([name, weight, variable]) =>
        weight.trainable === trainable ? [[name, variable.read() as tf.Variable] as const] : [],
      ),
    );
  return {
    spec,
    head,
    weights,
    parameters: variables(true),
    buffers: variables(false),
    parameterSpecs: new Map(
      weights.flatMap(([name, { layout, groups, shape, trainable }]) =>
        trainable && layout !== 'counter' ? [[name, { layout, groups, shape }] as const] : [],
      ),
    ),
  };
}
