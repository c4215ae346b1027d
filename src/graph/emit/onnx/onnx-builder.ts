import type { HostValue } from '../../host-value.js';
import type { HalfEncoder } from '../host-tensors.js';
import type { TensorWriter } from '../placed-tensors.js';
import type { ElementType, OnnxAttr, OnnxNode, OnnxTensor } from './proto.js';

/** Constants of up to this many numbers are shared, and never stored as halves. */
const SMALL = 16;

/** Writes ONNX nodes under unique names that tell where in the model they stand. */
export class OnnxBuilder implements TensorWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  /** Module whose nodes are added now. */
  scope = '';
  private readonly used = new Set<string>();
  private readonly constants = new Map<string, string>();

  /** @param half stores large float constants as float16, widened by a Cast */
  constructor(private readonly half?: HalfEncoder) {}

  /** Adds a node of one output and gives the output's name. */
  add(op: string, inputs: readonly string[], attrs: Readonly<Record<string, OnnxAttr>> = {}): string {
    const name = this.unique(this.scope === '' ? op : `${this.scope}/${op}`);
    this.nodes.push({ name, op, inputs, outputs: [name], attrs });
    return name;
  }

  transpose(x: string, perm: readonly number[]): string {
    return this.add('Transpose', [x], { perm: { ints: perm } });
  }

  constant({ dtype, shape, data }: HostValue, name?: string): string {
    if (dtype === 'float32' && this.half !== undefined && data.length > SMALL) {
      const weight = this.unique(name ?? 'constant');
      this.initializers.push({
        name: weight,
        type: 'float16',
        shape,
        data: this.half(weight, data as Float32Array),
      });
      return this.add('Cast', [weight], { to: { int: 1 } });
    }
    return this.initializer(dtype, shape, data, name);
  }

  /** A one-dimensional int64 constant: what ONNX takes shapes, axes and paddings as. */
  ints(values: readonly number[]): string {
    return this.initializer('int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  scalar(value: number): string {
    return this.initializer('float32', [], Float32Array.of(value));
  }

  initializer(
    type: ElementType,
    shape: readonly number[],
    data: HostValue['data'] | Int8Array | BigInt64Array,
    name?: string,
  ): string {
    const key =
      name === undefined && data.length <= SMALL ? `${type}|${shape.join()}|${data.join()}` : undefined;
    const known = key === undefined ? undefined : this.constants.get(key);
    if (known !== undefined) return known;
    const unique = this.unique(name ?? 'constant');
    this.initializers.push({ name: unique, type, shape, data });
    if (key !== undefined) this.constants.set(key, unique);
    return unique;
  }

  /** Keeps a name for a value of the caller's. */
  reserve(name: string): string {
    return this.unique(name);
  }

  /** Calls the output of a node otherwise; what is no node's output gets a node. */
  rename(from: string, to: string): void {
    const producer = this.nodes.find(({ outputs }) => outputs.includes(from));
    if (producer === undefined) {
      this.nodes.push({ name: to, op: 'Identity', inputs: [from], outputs: [to], attrs: {} });
      return;
    }
    const renamed = (names: readonly string[]): string[] => names.map((name) => (name === from ? to : name));
    this.nodes.forEach((node, i) => {
      this.nodes[i] = { ...node, inputs: renamed(node.inputs), outputs: renamed(node.outputs) };
    });
  }

  private unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.used.has(name); i++) name = `${wanted}_${i}`;
    this.used.add(name);
    return name;
  }
}
