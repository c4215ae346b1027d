import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import { groupedKernels } from './conv2d-grouped.js';
import { nodeConvolutions } from './conv2d-node.js';
import { stockConvolutions } from './conv2d-stock.js';
import { wasmConvolutions } from './conv2d-wasm.js';
import { registerGradientOnce, registerOpKernel, runKernel, single } from './register.js';

/** Inputs x, filter and, if there is one, bias; attributes stride, groups. */
const CONV2D = 'RecNextConv2d';
/** Inputs dy, filter; attributes inputShape, stride, groups. */
const CONV2D_INPUT_GRAD = 'RecNextConv2dBackpropInput';
/** Inputs x, dy; attributes filterShape, stride, groups. */
const CONV2D_FILTER_GRAD = 'RecNextConv2dBackpropFilter';

export interface Conv2dOptions {
  /** 1 (default) or 2, the same in both directions. */
  stride?: 1 | 2;
  /** Channels are split into this many groups, each convolved on its own; 1 by default. */
  groups?: number;
  /** Added to each output channel, [outChannels]. */
  bias?: tf.Tensor1D;
}

/**
 * Convolution as PyTorch's `Conv2d(padding=k // 2)` computes it, k odd: ⌊k/2⌋ zeros on every side, at stride 2 as well, and
 * any number of groups.
 *
 * @param x [n, h, w, inChannels]
 * @param filter [kh, kw, inChannels, outChannels / groups]: row i of the third axis belongs to group
 *   ⌊i / (inChannels / groups)⌋. For one group that is TF.js' own layout, for inChannels groups its depthwise one.
 * @returns [n, ⌈h / stride⌉, ⌈w / stride⌉, outChannels]; channels in PyTorch's order, group by group
 * @throws UserError when the shapes do not fit together
 */
export function conv2d(x: tf.Tensor4D, filter: tf.Tensor4D, options: Conv2dOptions = {}): tf.Tensor4D {
  const { stride = 1, groups = 1, bias } = options;
  check(x, filter, groups, bias);
  const inputs: Record<string, tf.Tensor> = bias === undefined ? { x, filter } : { x, filter, bias };
  return runKernel<tf.Tensor4D>(CONV2D, inputs, { stride, groups });
}

function check(x: tf.Tensor, filter: tf.Tensor, groups: number, bias: tf.Tensor | undefined): void {
  const shapes = `input [${x.shape.join(', ')}], filter [${filter.shape.join(', ')}], ${groups} groups`;
  if (x.rank !== 4 || filter.rank !== 4)
    throw new UserError(
      `A convolution takes an input [n, h, w, c] and a filter [kh, kw, c, out / groups], got ${shapes}.`,
    );
  if (filter.shape[0]! % 2 === 0 || filter.shape[1]! % 2 === 0)
    throw new UserError(`A symmetrically padded convolution needs a kernel of odd size: ${shapes}.`);
  const channels = x.shape[3]!;
  if (filter.shape[2] !== channels)
    throw new UserError(
      `The filter of this convolution is for ${filter.shape[2]} input channels, the input has ${channels}: ${shapes}.`,
    );
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
    throw new UserError(`${channels} input channels cannot be split into ${groups} groups: ${shapes}.`);
  const outChannels = filter.shape[3]! * groups;
  if (bias !== undefined && (bias.rank !== 1 || bias.size !== outChannels))
    throw new UserError(
      `A convolution to ${outChannels} channels needs a bias of shape [${outChannels}], got [${bias.shape.join(', ')}]: ${shapes}.`,
    );
}

export function registerConv2d(): void {
  const portable = groupedKernels(stockConvolutions);
  const node = groupedKernels(nodeConvolutions);
  const wasm = groupedKernels(wasmConvolutions);
  registerOpKernel({
    name: CONV2D,
    portable: portable.forward,
    special: { tensorflow: node.forward },
  });
  registerOpKernel({
    name: CONV2D_INPUT_GRAD,
    portable: portable.inputGrad,
    special: { tensorflow: node.inputGrad, wasm: wasm.inputGrad },
  });
  registerOpKernel({
    name: CONV2D_FILTER_GRAD,
    portable: portable.filterGrad,
    special: { tensorflow: node.filterGrad },
  });
  registerGradientOnce({
    kernelName: CONV2D,
    inputsToSave: ['x', 'filter'],
    gradFunc: (dys, [x, filter], attrs) => {
      const { stride, groups } = attrs as { stride: number; groups: number };
      const dy = single(dys);
      return {
        x: () =>
          runKernel<tf.Tensor>(
            CONV2D_INPUT_GRAD,
            { dy, filter: filter! },
            { inputShape: x!.shape, stride, groups },
          ),
        filter: () =>
          runKernel<tf.Tensor>(
            CONV2D_FILTER_GRAD,
            { x: x!, dy },
            { filterShape: filter!.shape, stride, groups },
          ),
        bias: () => tf.sum(dy, [0, 1, 2]),
      };
    },
  });
}
