import { shapeOf, type GraphNode, type Ref } from '../graph.js';
import { CHANNELS_FIRST, plainOrder, sameOrder, swapped, type AxisOrder } from './axis-order.js';
import type { PlacedTensors } from './placed-tensors.js';

/** In which order the inputs of an operation must be for its result to come out in which. */

/**
 * The order in which an element-wise operation is done: that of its first image, so that what lies channels first stays so.
 */
export function elementwiseOrder(node: GraphNode, tensors: PlacedTensors): AxisOrder {
  const rank = node.outputs[0]!.shape.length;
  const computed = node.inputs.filter((ref) => tensors.order(ref) !== undefined);
  const plain = plainOrder(rank);
  // A computed tensor of fewer axes is broadcast from the right: only in the plain order is that the same.
  if (computed.some((ref) => shapeOf(ref).length !== rank && shapeOf(ref).length > 0)) return plain;
  const orders = computed.filter((ref) => shapeOf(ref).length === rank).map((ref) => tensors.order(ref)!);
  return orders.find((order) => !sameOrder(order, plain)) ?? plain;
}

/** Orders of a convolution, a resize, a normalisation: channels first for images. */
export function imageOrder(rank: number): AxisOrder {
  return rank === 4 ? CHANNELS_FIRST : plainOrder(rank);
}

/** How a product of matrices is written: both operands in these orders, `first` before `second`. */
export interface ProductPlan {
  readonly first: { readonly ref: Ref; readonly order: AxisOrder };
  readonly second: { readonly ref: Ref; readonly order: AxisOrder };
  readonly result: AxisOrder;
}

/** a·b, or (bᵀ·aᵀ)ᵀ where fewer operands must be transposed for it. */
export function productPlan(node: Extract<GraphNode, { op: 'MatMul' }>, tensors: PlacedTensors): ProductPlan {
  const { transposeA, transposeB } = node.attrs;
  const [a, b] = node.inputs as [Ref, Ref];
  const oriented = (ref: Ref, isTransposed: boolean) => {
    const plain = plainOrder(shapeOf(ref).length);
    return { ref, order: isTransposed ? swapped(plain) : plain };
  };
  const plain = plainOrder(node.outputs[0]!.shape.length);
  const straight = { first: oriented(a, transposeA), second: oriented(b, transposeB), result: plain };
  const turned = {
    first: oriented(b, !transposeB),
    second: oriented(a, !transposeA),
    result: swapped(plain),
  };
  const moved = ({ first, second }: ProductPlan): number =>
    [first, second].filter(({ ref, order }) => !sameOrder(tensors.order(ref) ?? order, order)).length;
  // What comes from images goes back to images: on a tie the turned product keeps their order.
  return moved(turned) < moved(straight) || (moved(turned) === moved(straight) && moved(straight) > 0)
    ? turned
    : straight;
}
