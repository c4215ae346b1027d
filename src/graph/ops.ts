import type { HostValue } from './host-value.js';

/** Element-wise operations of two tensors that are broadcast as TensorFlow does. */
export const BINARY = ['Add', 'Sub', 'Mul', 'Div', 'Maximum', 'Minimum', 'Pow', 'SquaredDifference'] as const;
/** Element-wise operations of two tensors that give a bool. */
export const COMPARISON = [
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'Equal',
  'NotEqual',
  'LogicalAnd',
] as const;
/** Element-wise operations of one float tensor. */
export const UNARY = [
  'Neg',
  'Exp',
  'Log',
  'Log1p',
  'Sqrt',
  'Rsqrt',
  'Square',
  'Abs',
  'Sign',
  'Floor',
  'Erf',
  'Relu',
  'Sigmoid',
  'Tanh',
  'Elu',
  'Reciprocal',
  'Gelu',
] as const;
export const REDUCTION = ['Sum', 'Mean', 'Max', 'Min', 'Prod'] as const;

type None = Readonly<Record<never, never>>;

interface Reduction {
  /** Counted from 0, ascending. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

interface Convolution {
  readonly stride: 1 | 2;
  readonly groups: number;
}

/**
 * Every operation a graph may hold, with its attributes. All attributes are static; inputs are tensors.
 *
 * Images are `[n, h, w, c]`. Filters are stored as `src/ops/conv2d.ts` says, `[kh, kw, inChannels, outChannels / groups]`, and convolutions pad by
 * ⌊k/2⌋ zeros on every side (PyTorch's rule), at stride 2 as well.
 */
export interface OpAttrs
  extends
    Record<(typeof BINARY)[number] | (typeof COMPARISON)[number] | (typeof UNARY)[number], None>,
    Record<(typeof REDUCTION)[number], Reduction> {
  /** Given anew with each run. */
  readonly Input: { readonly name: string };
  /** State: its value at the start of a run. `Graph.updates` has what it becomes. */
  readonly Variable: { readonly name: string };
  readonly Const: { readonly value: HostValue };

  /** To the type of the output. */
  readonly Cast: None;
  /** condition, then, else: all of one shape or broadcast. */
  readonly Select: None;
  readonly AddN: None;
  readonly ArgMax: { readonly axis: number };
  /** int32 indices of any shape to `[…, depth]`. */
  readonly OneHot: { readonly depth: number; readonly on: number; readonly off: number };
  /** -1 stands for the batch of a graph whose batch is open. */
  readonly Reshape: { readonly shape: readonly number[] };
  readonly Transpose: { readonly perm: readonly number[] };
  /** -1 as a size: to the end. */
  readonly Slice: { readonly begin: readonly number[]; readonly size: readonly number[] };
  readonly Concat: { readonly axis: number };
  readonly Tile: { readonly reps: readonly number[] };
  readonly Pad: { readonly paddings: readonly (readonly [number, number])[]; readonly value: number };
  /** Over the last axis. */
  readonly Softmax: None;
  /** a, b: `[…, m, k]`, `[…, k, n]`, either transposed; leading axes broadcast. */
  readonly MatMul: { readonly transposeA: boolean; readonly transposeB: boolean };

  /** x, filter[, bias]. `activation` comes from a pass. */
  readonly Conv2d: Convolution & { readonly activation?: 'relu' };
  /** dy, filter. */
  readonly Conv2dInputGrad: Convolution & { readonly inputShape: readonly number[] };
  /** x, dy. */
  readonly Conv2dFilterGrad: Convolution & { readonly filterShape: readonly number[] };
  /** x, mean, variance, beta, gamma over the last axis. */
  readonly BatchNorm: { readonly epsilon: number };
  /**
   * x, gamma, beta: `[n, c]` or `[n, h, w, c]`. Outputs: y; the mean; the unbiased variance; then three reserves that go to the gradient as they are.
   * `gelu` comes from a pass, for our own operation: whether y goes through a GELU. Another pass may give it a fourth input, which is added to y.
   */
  readonly BatchNormTraining: { readonly epsilon: number; readonly gelu?: boolean };
  /** dy, x, gamma, mean, and the three reserves; with `gelu` beta as well. Outputs dx, dgamma, dbeta. */
  readonly BatchNormTrainingGrad: { readonly epsilon: number; readonly gelu?: boolean };
  /** dy, x. */
  readonly GeluGrad: None;
  /** dy, y. */
  readonly EluGrad: None;
  /** Half-pixel centres, no antialiasing. As of the next, a second input, from a pass for our own operation, is added. */
  readonly ResizeBilinear: { readonly size: readonly [number, number] };
  readonly ResizeBilinearGrad: { readonly inputShape: readonly number[] };
  /** Source index ⌊i · in / out⌋. */
  readonly ResizeNearest: { readonly size: readonly [number, number] };
  readonly ResizeNearestGrad: { readonly inputShape: readonly number[] };
  /**
   * param, exp_avg, exp_avg_sq, gradient, keep, rate, eps (scalars, see `AdamWScalars`). Outputs: the first three after the step.
   */
  readonly AdamW: { readonly beta1: number; readonly beta2: number; readonly decay: boolean };
  /** gradient, parameter, both seen as `[rows, groups, inner, units]` (see `AdaptiveClipAttrs`). */
  readonly AdaptiveClip: {
    readonly factor: number;
    readonly groups: number;
    readonly inner: number;
    readonly units: number;
    readonly minWeightNorm: number;
    readonly minGradientNorm: number;
  };
  /** value, towards, share (a scalar). */
  readonly Lerp: None;
  /**
   * Queries and keys `[n, h, w, 2 k]` before elu + 1, values `[n, h, w, c]`; another pass may give it a third input, which is added. From a pass, for our own operation
   * (see `src/layers/linear-attention.ts`).
   */
  readonly LinearAttention: { readonly heads: number; readonly epsilon: number };
}

export type Op = keyof OpAttrs;
