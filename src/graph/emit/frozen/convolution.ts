import { shapeOf, type GraphNode, type Ref } from '../../graph.js';
import type { HostValue } from '../../host-value.js';
import type { NodeBuilder } from '../../tensorflow/node-builder.js';
import { FLOAT, INT32, type NodeAttr } from '../../tensorflow/node-def.js';
import { unsupported } from '../emit-error.js';
import { hostValueOf, type Weights } from '../host-tensors.js';

/** `stock`: Conv2D, BiasAdd, Relu. `tfjs`: TF.js' names of one operation for the three. */
export type ConvolutionStyle = 'stock' | 'tfjs';

type Conv = Extract<GraphNode, { op: 'Conv2d' }>;

/**
 * Convolutions of frozen graphs. PyTorch's padding at stride 2 and an even size is a pad before a convolution without one: explicit paddings in the operation
 * itself are refused by TF.js' native backend, and abort TensorFlow 2.21 for depthwise ones.
 */
export class FrozenConvolution {
  constructor(
    private readonly to: NodeBuilder,
    private readonly weights: Weights,
    private readonly style: ConvolutionStyle,
    private readonly target: string,
  ) {}

  /** Writes one and gives the name of its output. */
  write(node: Conv, [x, filter, bias]: readonly string[]): string {
    const { stride, groups, activation } = node.attrs;
    const [, height, width, channels] = shapeOf(node.inputs[0]!) as [number, number, number, number];
    const [rows, columns] = shapeOf(node.inputs[1]!) as [number, number];
    const uneven = stride === 2 && ((rows > 1 && height % 2 === 0) || (columns > 1 && width % 2 === 0));
    const input = uneven ? this.pad(x!, rows >> 1, columns >> 1) : x!;
    const attrs = convolutionAttrs(stride, uneven ? 'VALID' : 'SAME');
    if (groups === 1 || groups === channels) {
      const name = groups > 1 ? 'DepthwiseConv2dNative' : 'Conv2D';
      if (this.style === 'tfjs' && bias !== undefined)
        return this.fused(name, [input, filter!, bias], attrs, activation);
      return this.after(this.to.add(name, [input, filter!], attrs), bias, activation);
    }
    return this.after(this.grouped(node, input, attrs), bias, activation);
  }

  private fused(
    name: 'DepthwiseConv2dNative' | 'Conv2D',
    inputs: readonly string[],
    attrs: Readonly<Record<string, NodeAttr>>,
    activation: 'relu' | undefined,
  ): string {
    return this.to.add(name === 'Conv2D' ? '_FusedConv2D' : 'FusedDepthwiseConv2dNative', inputs, {
      ...attrs,
      num_args: { int: 1 },
      fused_ops: { texts: activation === 'relu' ? ['BiasAdd', 'Relu'] : ['BiasAdd'] },
      epsilon: { float: 0 },
    });
  }

  private after(y: string, bias: string | undefined, activation: 'relu' | undefined): string {
    const { to } = this;
    const biased =
      bias === undefined ? y : to.add('BiasAdd', [y, bias], { T: FLOAT, data_format: { text: 'NHWC' } });
    return activation === 'relu' ? to.op('Relu', [biased]) : biased;
  }

  /** Neither runtime computes grouped convolutions everywhere: each group is convolved by itself, its filter cut out here. */
  private grouped(node: Conv, x: string, attrs: Readonly<Record<string, NodeAttr>>): string {
    const { to } = this;
    const { groups } = node.attrs;
    const filter = hostValueOf(node.inputs[1] as Ref, this.weights);
    if (filter === undefined) throw unsupported(node, this.target, 'takes only constant filters here');
    const parts = to.add('Split', [to.scalar(3, 'int32'), x], { T: FLOAT, num_split: { int: groups } });
    const results = Array.from({ length: groups }, (_, group) => {
      const value = filterOfGroup(filter, group, groups);
      const part = to.add(
        'Const',
        [],
        { dtype: FLOAT, value: { tensor: value } },
        `${to.scope}/filter_${group}`,
      );
      return to.add('Conv2D', [group === 0 ? parts : `${parts}:${group}`, part], attrs);
    });
    return to.add('ConcatV2', [...results, to.scalar(3, 'int32')], {
      T: FLOAT,
      Tidx: INT32,
      N: { int: groups },
    });
  }

  private pad(x: string, rows: number, columns: number): string {
    const paddings = this.to.constant({
      dtype: 'int32',
      shape: [4, 2],
      data: Int32Array.of(0, 0, rows, rows, columns, columns, 0, 0),
    });
    return this.to.add('Pad', [x, paddings], { T: FLOAT, Tpaddings: INT32 });
  }
}

/** The rows of `[kh, kw, in, out / groups]` that belong to one group. */
function filterOfGroup({ dtype, shape, data }: HostValue, group: number, groups: number): HostValue {
  const [height, width, inputs, outputs] = shape as [number, number, number, number];
  const own = inputs / groups;
  const result = new Float32Array(height * width * own * outputs);
  for (let tap = 0; tap < height * width; tap++) {
    const start = (tap * inputs + group * own) * outputs;
    result.set(data.subarray(start, start + own * outputs), tap * own * outputs);
  }
  return { dtype, shape: [height, width, own, outputs], data: result };
}

function convolutionAttrs(stride: number, padding: 'SAME' | 'VALID'): Record<string, NodeAttr> {
  return {
    T: FLOAT,
    strides: { ints: [1, stride, stride, 1] },
    padding: { text: padding },
    data_format: { text: 'NHWC' },
    dilations: { ints: [1, 1, 1, 1] },
  };
}
