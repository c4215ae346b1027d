import { UserError } from '../errors.js';
import type { ConvNormArgs } from '../layers/spec/conv-norm.js';
import type { ConvShape, FuseMode } from '../layers/spec/primitives.js';
import { joinPath, type ModuleSpec } from '../layers/spec/module-spec.js';
import { numbers } from './weight-check.js';
import type { StateDict } from './state-dict.js';

/** PyTorch's default, which every batch norm of RecNeXt has. */
const EPSILON = 1e-5;

/**
 * Folds the batch norms of a state dict, in double precision (the reference's `replace_batchnorm`).
 *
 * @param spec the model the weights belong to: unfused, or (for `full`) in the reference's fused form
 * @param mode `reference`: ConvNorm pairs, RepVGGDW and the two heads, as the published fused files have it;
 *   `full`: the norms it leaves (`blocks.*.norm` of M, `downsample.norm` of M and A) as well
 * @param options.consume takes weights out of `state` as they are used and computes in their arrays, so that both forms never
 *   lie in memory whole
 */
export function fuseStateDict(
  spec: ModuleSpec,
  state: StateDict,
  mode: Exclude<FuseMode, 'none'>,
  { consume = false }: { consume?: boolean } = {},
): StateDict {
  const fused: StateDict = new Map();
  fuseModule(spec, '', new Folder(state, fused, consume), mode);
  return fused;
}

type Values = ReturnType<typeof numbers>;

/** A layer's weights after folding: rounded once at the end, or (`Float32Array`) as they are made. */
interface Folded<W = Float64Array> {
  readonly weight: W;
  readonly bias: Float64Array;
}

/** y = scale·x + shift, channel by channel: what a batch norm does in evaluation. */
interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** Reads named weights as doubles and writes fused ones as float32. */
class Folder {
  constructor(
    private readonly state: StateDict,
    private readonly fused: StateDict,
    private readonly consume: boolean,
  ) {}

  /** A vector, in double precision. */
  read(name: string): Float64Array {
    return new Float64Array(this.values(name));
  }

  /** An array for the folded form of weights that `values` gave: their own, where it may be taken. */
  target(values: Values): Float32Array {
    return this.consume && values instanceof Float32Array ? values : new Float32Array(values.length);
  }

  /** The values as they are: weights are large, and each is used once. */
  values(name: string): Values {
    const tensor = this.state.get(name);
    if (tensor === undefined) throw new UserError(`cannot fuse: weight "${name}" is missing`);
    if (this.consume) this.state.delete(name);
    return numbers(tensor.data);
  }

  has(name: string): boolean {
    return this.state.has(name);
  }

  readOr(name: string, size: number): Float64Array {
    return this.state.has(name) ? this.read(name) : new Float64Array(size);
  }

  affine(path: string): Affine {
    const [gamma, beta] = [this.read(`${path}.weight`), this.read(`${path}.bias`)];
    const [mean, variance] = [this.read(`${path}.running_mean`), this.read(`${path}.running_var`)];
    const scale = gamma.map((g, i) => g / Math.sqrt(variance[i]! + EPSILON));
    return { scale, shift: beta.map((b, i) => b - mean[i]! * scale[i]!) };
  }

  write(name: string, shape: readonly number[], values: Float64Array | Float32Array): void {
    this.fused.set(name, { shape, data: values instanceof Float32Array ? values : new Float32Array(values) });
  }

  copy(name: string): void {
    const tensor = this.state.get(name);
    if (tensor === undefined) return;
    if (this.consume) this.state.delete(name);
    this.fused.set(name, tensor);
  }
}

function fuseModule(spec: ModuleSpec, path: string, folder: Folder, mode: FuseMode): void {
  const args = spec.args as ConvNormArgs & { channels: number };
  switch (spec.type) {
    case 'ConvNorm':
      return fuseConvNorm(path, args, folder);
    case 'RepVggDw':
      return fuseRepVgg(path, args.channels, folder);
    case 'RecNextHead':
      return fuseHeads(path, spec, folder);
    case 'MBlock':
    case 'Downsample':
      if (mode === 'full') return fuseWithNorm(spec, path, folder, mode);
  }
  for (const weight of spec.weights) folder.copy(joinPath(path, weight.name));
  for (const [name, child] of spec.children) fuseModule(child, joinPath(path, name), folder, mode);
}

/** Weight and bias of `conv` then `norm` as one convolution; as they are where that was done before. */
function foldConvNorm(path: string, conv: ConvNormArgs, folder: Folder): Folded {
  if (folder.has(`${path}.weight`)) {
    return { weight: folder.read(`${path}.weight`), bias: folder.read(`${path}.bias`) };
  }
  const bias = folder.readOr(`${path}.conv.bias`, conv.outChannels);
  const weight = folder.values(`${path}.conv.weight`);
  return scaleOutputs(weight, bias, folder.affine(normPath(path, conv)), new Float64Array(weight.length));
}

function normPath(path: string, { normName = 'norm' }: ConvNormArgs): string {
  return `${path}.${normName}`;
}

/** Puts an affine map behind a convolution or linear layer: rows (output channels) come first in PyTorch's layout. */
function scaleOutputs<W extends Float64Array | Float32Array>(
  weight: Values,
  bias: Float64Array,
  { scale, shift }: Affine,
  scaled: W,
): Folded<W> {
  // Large weights are of one kind: code for just that kind is several times faster.
  if (weight instanceof Float32Array && scaled instanceof Float32Array) scaleFloatRows(weight, scale, scaled);
  else {
    const row = weight.length / scale.length;
    for (let at = 0; at < weight.length; at++) scaled[at] = weight[at]! * scale[Math.floor(at / row)]!;
  }
  return { weight: scaled, bias: bias.map((b, o) => b * scale[o]! + shift[o]!) };
}

/** `scaled` may be `weight` itself. */
function scaleFloatRows(weight: Float32Array, scale: Float64Array, scaled: Float32Array): void {
  const row = weight.length / scale.length;
  for (let o = 0, at = 0; o < scale.length; o++) {
    const factor = scale[o]!;
    for (const end = at + row; at < end; at++) scaled[at] = weight[at]! * factor;
  }
}

/** Puts an affine map before a linear layer or ungrouped 1x1 convolution `[out, in]`. */
function scaleInputs(weight: Values, bias: Float64Array, { scale, shift }: Affine): Folded {
  const row = scale.length;
  const scaled = new Float64Array(weight.length);
  const shifted = new Float64Array(bias.length);
  for (let o = 0, at = 0; o < bias.length; o++) {
    let sum = bias[o]!;
    for (let i = 0; i < row; i++, at++) {
      sum += weight[at]! * shift[i]!;
      scaled[at] = weight[at]! * scale[i]!;
    }
    shifted[o] = sum;
  }
  return { weight: scaled, bias: shifted };
}

function weightShape({ outChannels, inChannels, groups, kernel }: ConvShape): number[] {
  return [outChannels, inChannels / groups, kernel, kernel];
}

function fuseConvNorm(path: string, conv: ConvNormArgs, folder: Folder): void {
  if (folder.has(`${path}.weight`)) {
    folder.copy(`${path}.weight`);
    folder.copy(`${path}.bias`);
    return;
  }
  const bias = folder.readOr(`${path}.conv.bias`, conv.outChannels);
  const values = folder.values(`${path}.conv.weight`);
  // One product, rounded once: doubles would not need to be kept.
  const folded = scaleOutputs(values, bias, folder.affine(normPath(path, conv)), folder.target(values));
  folder.write(`${path}.weight`, weightShape(conv), folded.weight);
  folder.write(`${path}.bias`, [conv.outChannels], folded.bias);
}

/** The 1x1 kernel and the identity are 3x3 kernels that are zero but for their centre. */
function fuseRepVgg(path: string, channels: number, folder: Folder): void {
  const conv = { inChannels: channels, outChannels: channels, kernel: 3, stride: 1, groups: channels };
  const large = foldConvNorm(`${path}.lk`, conv, folder);
  const small = foldConvNorm(`${path}.sk`, { ...conv, kernel: 1 }, folder);
  const weight = large.weight.map((w, i) => (i % 9 === 4 ? w + small.weight[Math.floor(i / 9)]! + 1 : w));
  folder.write(`${path}.weight`, weightShape(conv), weight);
  folder.write(
    `${path}.bias`,
    [channels],
    large.bias.map((b, i) => b + small.bias[i]!),
  );
}

/** Both classifiers have the same input, so their mean is one linear layer. */
function fuseHeads(path: string, spec: ModuleSpec, folder: Folder): void {
  if (spec.children.length === 0) {
    for (const weight of spec.weights) folder.copy(joinPath(path, weight.name));
    return;
  }
  const [a, b] = ['head', 'head_dist'].map((name) => {
    const head = joinPath(path, name);
    const linear = folder.values(`${head}.linear.weight`);
    return scaleInputs(linear, folder.read(`${head}.linear.bias`), folder.affine(`${head}.norm`));
  }) as [Folded, Folded];
  const mean = (x: Float64Array, y: Float64Array) => x.map((value, i) => (value + y[i]!) / 2);
  const classes = a.bias.length;
  folder.write(`${path}.weight`, [classes, a.weight.length / classes], mean(a.weight, b.weight));
  folder.write(`${path}.bias`, [classes], mean(a.bias, b.bias));
}

/** M block: the norm goes into the 1x1 convolution behind it. Downsample: into the 7x7 convolution before it. */
function fuseWithNorm(spec: ModuleSpec, path: string, folder: Folder, mode: FuseMode): void {
  const [, mixer] = spec.children.find(([name]) => name === 'token_mixer')!;
  const mixerPath = joinPath(path, 'token_mixer');
  const mlpPath = joinPath(path, 'channel_mixer');
  const norm = folder.affine(joinPath(path, 'norm'));
  const [, mlp] = spec.children.find(([name]) => name === 'channel_mixer')!;
  if (spec.type === 'Downsample') {
    const weight = folder.values(`${mixerPath}.weight`);
    const bias = folder.read(`${mixerPath}.bias`);
    const fused = scaleOutputs(weight, bias, norm, folder.target(weight));
    folder.write(`${mixerPath}.weight`, weightShape(mixer.args as ConvShape), fused.weight);
    folder.write(`${mixerPath}.bias`, [fused.bias.length], fused.bias);
    fuseModule(mlp, mlpPath, folder, mode);
    return;
  }
  fuseModule(mixer, mixerPath, folder, mode);
  const [, first] = mlp.children[0]!;
  const [, second] = mlp.children[1]!;
  const conv = first.args as ConvNormArgs;
  const folded = foldConvNorm(`${mlpPath}.0`, conv, folder);
  const fused = scaleInputs(folded.weight, folded.bias, norm);
  folder.write(`${mlpPath}.0.weight`, weightShape(conv), fused.weight);
  folder.write(`${mlpPath}.0.bias`, [conv.outChannels], fused.bias);
  fuseModule(second, `${mlpPath}.2`, folder, mode);
}
