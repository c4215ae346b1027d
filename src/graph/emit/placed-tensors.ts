import { shapeOf, type GraphNode, type Ref } from '../graph.js';
import type { HostValue } from '../host-value.js';
import { permutation, plainOrder, sameOrder, type AxisOrder } from './axis-order.js';
import { broadcastable, hostValueOf, reordered, type Weights } from './host-tensors.js';

/** What writes nodes for a runtime: the two things that keeping axes in order needs. */
export interface TensorWriter {
  transpose(x: string, perm: readonly number[]): string;
  /** @param name what it is called, if it is a weight */
  constant(value: HostValue, name?: string): string;
}

/** A tensor of the emitted graph. */
export interface PlacedTensor {
  readonly name: string;
  readonly order: AxisOrder;
}

/** The tensors of a graph that have been emitted, and the order of axes of each. */
export class PlacedTensors<W extends TensorWriter = TensorWriter> {
  private readonly outputs = new Map<number, readonly PlacedTensor[]>();
  /** The same tensors in other orders. */
  private readonly copies = new Map<string, string>();

  constructor(
    readonly to: W,
    private readonly weights: Weights,
  ) {}

  set(node: GraphNode, outputs: readonly PlacedTensor[]): void {
    this.outputs.set(node.id, outputs);
  }

  /** What a constant holds; undefined for what is computed. */
  host(ref: Ref): HostValue | undefined {
    return hostValueOf(ref, this.weights);
  }

  /** The order of a computed tensor; undefined for constants, which are written in any. */
  order(ref: Ref): AxisOrder | undefined {
    return this.outputs.get(ref.node.id)?.[ref.output]!.order;
  }

  /** The name of a tensor with its axes in this order; transposes it where it has another. */
  name(ref: Ref, order: AxisOrder = this.order(ref) ?? plainOrder(shapeOf(ref).length)): string {
    const host = this.host(ref);
    if (host !== undefined) return this.constant(ref, reordered(host, order), order.join());
    const placed = this.outputs.get(ref.node.id)![ref.output]!;
    if (sameOrder(placed.order, order)) return placed.name;
    return this.copy(ref, order.join(), () =>
      this.to.transpose(placed.name, permutation(placed.order, order)),
    );
  }

  /** The name of a tensor that is broadcast against one whose axes lie in `order`. Computed ones of fewer axes need the plain order. */
  broadcast(ref: Ref, order: AxisOrder): string {
    const host = this.host(ref);
    if (host !== undefined) return this.constant(ref, broadcastable(host, order), `to ${order.join()}`);
    return shapeOf(ref).length === order.length ? this.name(ref, order) : this.name(ref);
  }

  /** A constant made of a weight or of another constant: `form` tells its forms apart. */
  constant({ node, output }: Ref, value: HostValue, form: string): string {
    const name = node.op === 'Variable' ? node.attrs.name : undefined;
    return this.copy({ node, output }, form, () => this.to.constant(value, name));
  }

  private copy({ node, output }: Ref, form: string, make: () => string): string {
    const key = `${node.id}:${output}:${form}`;
    let name = this.copies.get(key);
    if (name === undefined) this.copies.set(key, (name = make()));
    return name;
  }
}
