/**
 * What a module is, without TF.js: its weights as the checkpoint has them, its children, what it costs.
 * Layers build themselves from it, checkpoints are mapped with it, and `recnext info` needs nothing else.
 */
export interface ModuleSpec {
  /** Name of the layer class that computes it. */
  readonly type: string;
  /** The constructor arguments of that class, less its name: plain data. */
  readonly args: object;
  /** Weights of this module itself, named within it, in state_dict order. They come before its children's. */
  readonly weights: readonly WeightSpec[];
  /** Named children in state_dict order. */
  readonly children: readonly (readonly [name: string, spec: ModuleSpec])[];
  /** Takes a feature map through the module, reporting what it costs. */
  readonly cost: (input: Feature, report: CostReport) => Feature;
}

/** How a weight is laid out: PyTorch's `conv` is [out, in/groups, kh, kw], `linear` is [out, in]. */
export type WeightLayout = 'conv' | 'linear' | 'vector' | 'counter';

/** How PyTorch initialises a weight. */
export type WeightInit =
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'truncatedNormal'; readonly std: number }
  | { readonly kind: 'constant'; readonly value: number };

export interface WeightSpec {
  readonly name: string;
  /** In PyTorch's order. */
  readonly shape: readonly number[];
  readonly layout: WeightLayout;
  /** Groups of a convolution; 1 otherwise. */
  readonly groups: number;
  readonly init: WeightInit;
  /** False for running statistics and counters (PyTorch's buffers). */
  readonly trainable: boolean;
}

/** A feature map of one image and where it comes from. */
export interface Feature {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Input pixels from one position to the next. */
  readonly stride: number;
  /** Receptive field: side in input pixels of the square that one position depends on; Infinity: the whole image. */
  readonly field: number;
}

export type CostKind = 'conv' | 'linear' | 'matmul' | 'batch_norm' | 'resize';

export interface CostEntry {
  /** Module, as the checkpoint names it. */
  readonly path: string;
  readonly kind: CostKind;
  /** Operations as fvcore counts them: one a multiply-accumulate; see each spec for the rest. */
  readonly macs: number;
}

/** Collects the costs of a model's modules under their checkpoint names. */
export class CostReport {
  readonly path: string;
  readonly entries: CostEntry[];
  private readonly outputs: Map<string, Feature>;

  constructor(path = '', entries: CostEntry[] = [], outputs = new Map<string, Feature>()) {
    this.path = path;
    this.entries = entries;
    this.outputs = outputs;
  }

  /** The report of the child `name`. */
  at(name: string): CostReport {
    return new CostReport(joinPath(this.path, name), this.entries, this.outputs);
  }

  add(kind: CostKind, macs: number): void {
    this.entries.push({ path: this.path, kind, macs });
  }

  /** Remembers the feature map a module gives. */
  output(feature: Feature): Feature {
    this.outputs.set(this.path, feature);
    return feature;
  }

  /** Feature maps by module, in order of execution. */
  get features(): ReadonlyMap<string, Feature> {
    return this.outputs;
  }
}

/** Runs a child's `cost` under its name. */
export function childCost(spec: ModuleSpec, name: string, input: Feature, report: CostReport): Feature {
  const child = spec.children.find(([childName]) => childName === name);
  if (child === undefined) throw new Error(`${spec.type} has no child "${name}"`);
  const inner = report.at(name);
  return inner.output(child[1].cost(input, inner));
}

/** `stages.0` + `blocks.1` -> `stages.0.blocks.1`; an empty side adds no dot. */
export function joinPath(path: string, name: string): string {
  if (path === '') return name;
  return name === '' ? path : `${path}.${name}`;
}

/** All weights of a module and its children under their full checkpoint names, in state_dict order. */
export function namedWeights(spec: ModuleSpec, path = ''): [name: string, spec: WeightSpec][] {
  const own = spec.weights.map((w): [string, WeightSpec] => [joinPath(path, w.name), w]);
  return own.concat(spec.children.flatMap(([name, child]) => namedWeights(child, joinPath(path, name))));
}

/** Elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Learnable elements of a module and its children. */
export function countParameters(spec: ModuleSpec): number {
  return namedWeights(spec).reduce((sum, [, w]) => sum + (w.trainable ? sizeOf(w.shape) : 0), 0);
}
