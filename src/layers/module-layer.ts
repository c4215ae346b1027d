import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import type { ForwardContext } from './forward-context.js';
import { randomWeights, type WeightSource } from './initial-weights.js';
import type { BatchNormState } from './normalise.js';
import { CostReport, joinPath, type ModuleSpec, type WeightSpec } from './spec/module-spec.js';
import { tfShape } from './weight-layout.js';

type LayerShape = tf.Shape | tf.Shape[];
type LayerClass = new (args: never) => ModuleLayer;

const classes = new Map<string, LayerClass>();

/** Makes a layer class known: to the modules that have it as a child, and to `tf.loadLayersModel`. */
export function registerLayer<C extends LayerClass & { className: string }>(layerClass: C): void {
  classes.set(layerClass.className, layerClass);
  tf.serialization.registerClass(
    layerClass as unknown as tf.serialization.SerializableConstructor<tf.layers.Layer>,
  );
}

/** The layer a spec describes; `name` is its path in the checkpoint. */
export function createLayer(spec: ModuleSpec, name: string): ModuleLayer {
  const layerClass = classes.get(spec.type);
  if (layerClass === undefined) throw new Error(`no layer class "${spec.type}" is registered`);
  return new layerClass({ ...spec.args, name } as never);
}

/** Constructor arguments of a layer: those of its spec, and what every TF.js layer takes. */
export type LayerArgs<A> = A & { name?: string; trainable?: boolean; dtype?: tf.DataType };

/**
 * A layer built from a {@link ModuleSpec}: it owns the spec's weights, holds a layer for each child, and names every
 * weight as the checkpoint does (`stages.0.blocks.1` + `token_mixer.down.weight`).
 *
 * Subclasses write `forward`. As TF.js layers they take and give `[batch, height, width, channels]` (or what they say),
 * are serialised with their arguments and may be used in anyone's `tf.model`.
 */
export abstract class ModuleLayer extends tf.layers.Layer {
  readonly spec: ModuleSpec;
  private readonly modules: ReadonlyMap<string, ModuleLayer>;
  private readonly own = new Map<string, tf.LayerVariable>();
  /** What the variables above hold. */
  private readonly tensors = new Map<string, tf.Tensor>();

  protected constructor(spec: ModuleSpec, args: { name?: string; trainable?: boolean }) {
    super({ name: args.name, trainable: args.trainable });
    this.spec = spec;
    this.modules = new Map(
      spec.children.map(([name, child]) => [name, createLayer(child, joinPath(this.name, name))]),
    );
  }

  /** Computes the module. Called inside a tidy. */
  protected abstract forward(x: tf.Tensor, context: ForwardContext): tf.Tensor;

  /** Computes the module, keeping nothing but its output, and shows that to the context's observer. */
  run(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    // The name tells a tracing backend which module it is in.
    const output = tf.tidy(this.name, () => this.forward(x, context));
    context.observe?.(this.name, output);
    return output;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const x = Array.isArray(inputs) ? inputs[0]! : inputs;
    return this.run(x, { training: kwargs.training ?? false });
  }

  /** Creates the weights of this module and its children. */
  buildModule(source: WeightSource = randomWeights(0)): void {
    if (this.built) return;
    for (const weight of this.spec.weights) {
      if (weight.layout !== 'counter') this.own.set(weight.name, this.createWeight(weight, source));
    }
    for (const module of this.modules.values()) module.buildModule(source);
    this.built = true;
  }

  override build(inputShape: LayerShape): void {
    const [shape] = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as tf.Shape[];
    const found = shape?.at(-1);
    const expected = this.inputChannels();
    if (expected !== undefined && found !== expected) {
      throw new UserError(
        `layer "${this.name}" expects ${expected} input channels, found ${String(found)} (input shape [${String(shape)}]; images are [batch, height, width, channels])`,
      );
    }
    this.buildModule();
  }

  /** Channels the input must have, where the arguments fix them. */
  protected inputChannels(): number | undefined {
    const args = this.spec.args as { inChannels?: number; channels?: number; inFeatures?: number };
    return args.inChannels ?? args.channels ?? args.inFeatures;
  }

  override computeOutputShape(inputShape: LayerShape): LayerShape {
    const [batch, height, width, channels] = inputShape as tf.Shape;
    const known = height != null && width != null;
    // Any size may stand in for an unknown one: channels do not depend on it.
    const size = known ? { height, width } : { height: 64, width: 64 };
    const out = this.outputFeature({ ...size, channels: channels! });
    return [batch!, known ? out.height : null, known ? out.width : null, out.channels];
  }

  protected outputFeature(input: { height: number; width: number; channels: number }): {
    height: number;
    width: number;
    channels: number;
  } {
    return this.spec.cost({ ...input, stride: 1, field: 1 }, new CostReport());
  }

  /** Weights that are gone already are no error: a model and the LayersModel made of it share them. */
  protected override disposeWeights(): number {
    const living = [...this.tensors.values()].filter((tensor) => !tensor.isDisposed);
    living.forEach((tensor) => tensor.dispose());
    const children = [...this.modules.values()].map((module) => module.disposeWeights());
    return children.reduce((sum, count) => sum + count, living.length);
  }

  override getConfig(): tf.serialization.ConfigDict {
    // TF.js writes undefined as null, which no argument takes.
    const args = Object.entries(this.spec.args).filter(([, value]) => value !== undefined);
    return { ...super.getConfig(), ...Object.fromEntries(args) };
  }

  /** All weights by checkpoint name, in state_dict order. */
  namedVariables(): [name: string, spec: WeightSpec, variable: tf.LayerVariable][] {
    const own = this.spec.weights
      .filter((w) => w.layout !== 'counter')
      .map((w): [string, WeightSpec, tf.LayerVariable] => [
        joinPath(this.name, w.name),
        w,
        this.ownVariable(w.name),
      ]);
    return own.concat([...this.modules.values()].flatMap((module) => module.namedVariables()));
  }

  /**
   * Runs all children one after the other, giving up each one's input as soon as it is used: a tidy around them would
   * hold every output to the end.
   */
  protected runInOrder(input: tf.Tensor, run: (module: ModuleLayer, x: tf.Tensor) => tf.Tensor): tf.Tensor {
    let x = input;
    for (const module of this.modules.values()) {
      const output = run(module, x);
      if (x !== input && x !== output) x.dispose();
      x = output;
    }
    return x;
  }

  protected module(name: string): ModuleLayer {
    const module = this.modules.get(name);
    if (module === undefined) throw new Error(`${this.spec.type} "${this.name}" has no child "${name}"`);
    return module;
  }

  protected hasModule(name: string): boolean {
    return this.modules.has(name);
  }

  /** The current value of a weight of this module itself. */
  protected weight<T extends tf.Tensor>(name: string): T {
    return this.ownVariable(name).read() as T;
  }

  protected hasWeight(name: string): boolean {
    return this.own.has(name);
  }

  /** The weights of the batch norm whose names begin with `prefix`. */
  protected batchNormState(prefix: string): BatchNormState {
    return {
      path: joinPath(this.name, prefix).replace(/\.$/, ''),
      gamma: this.weight(`${prefix}weight`),
      beta: this.weight(`${prefix}bias`),
      runningMean: this.ownVariable(`${prefix}running_mean`),
      runningVariance: this.ownVariable(`${prefix}running_var`),
    };
  }

  /** The variable behind a weight of this module itself, to write to. */
  protected ownVariable(name: string): tf.LayerVariable {
    const variable = this.own.get(name);
    if (variable === undefined) throw new Error(`${this.spec.type} "${this.name}" has no weight "${name}"`);
    return variable;
  }

  override get trainableWeights(): tf.LayerVariable[] {
    return this.trainable ? this.layerVariables((spec) => spec.trainable) : [];
  }

  override get nonTrainableWeights(): tf.LayerVariable[] {
    return this.layerVariables((spec) => !this.trainable || !spec.trainable);
  }

  private layerVariables(wanted: (spec: WeightSpec) => boolean): tf.LayerVariable[] {
    if (!this.built) return [];
    return this.namedVariables()
      .filter(([, spec]) => wanted(spec))
      .map(([, , variable]) => variable);
  }

  private createWeight(spec: WeightSpec, source: WeightSource): tf.LayerVariable {
    const name = joinPath(this.name, spec.name);
    const value = tf.tensor(source(name, spec), tfShape(spec), 'float32');
    const variable = new tf.LayerVariable(value, 'float32', name, spec.trainable);
    value.dispose();
    // TF.js prefixes the name of the layer being built; saved weights carry `originalName`, which must be the checkpoint's.
    this.tensors.set(spec.name, variable.read());
    return Object.assign(variable, { originalName: name });
  }
}
