import type { DType, HostValue } from '../host-value.js';
import { uniformValue } from '../host-value.js';
import { FLOAT, INT32, type NodeAttr, type NodeDef } from './node-def.js';

/** Constants of more numbers than this that hold one number everywhere are written as Fill. */
const FILL_FROM = 64;

/** Writes TensorFlow nodes under unique names that tell where in the model they stand. */
export class NodeBuilder {
  readonly nodes: NodeDef[] = [];
  /** Prefix of the names of what is added now. */
  scope = '';
  private readonly used = new Map<string, number>();
  private readonly constants = new Map<string, string>();

  /** Adds a node and gives its name. */
  add(
    op: string,
    inputs: readonly string[],
    attrs: Readonly<Record<string, NodeAttr>> = {},
    name?: string,
  ): string {
    const unique = this.unique(name ?? (this.scope === '' ? op : `${this.scope}/${op}`));
    this.nodes.push({ name: unique, op, inputs, attrs });
    return unique;
  }

  constant(value: HostValue): string {
    const { dtype, shape, data } = value;
    const key = data.length <= FILL_FROM ? `${dtype}|${shape.join()}|${data.join()}` : undefined;
    const known = key === undefined ? undefined : this.constants.get(key);
    if (known !== undefined) return known;
    const uniform = data.length > FILL_FROM ? uniformValue(value) : undefined;
    const type: NodeAttr = { type: dtype };
    const name =
      uniform === undefined
        ? this.add('Const', [], { dtype: type, value: { tensor: value } }, 'const')
        : this.add(
            'Fill',
            [this.ints(shape), this.scalar(uniform, dtype)],
            { T: type, index_type: INT32 },
            'fill',
          );
    if (key !== undefined) this.constants.set(key, name);
    return name;
  }

  /** A one-dimensional int32 constant. */
  ints(values: readonly number[]): string {
    return this.constant({ dtype: 'int32', shape: [values.length], data: Int32Array.from(values) });
  }

  /** A scalar constant. */
  scalar(value: number, dtype: DType = 'float32'): string {
    const data =
      dtype === 'float32'
        ? Float32Array.of(value)
        : dtype === 'int32'
          ? Int32Array.of(value)
          : Uint8Array.of(value);
    return this.constant({ dtype, shape: [], data });
  }

  /** An operation whose only attribute is `T`. */
  op(op: string, inputs: readonly string[], type: NodeAttr = FLOAT): string {
    return this.add(op, inputs, { T: type });
  }

  reshape(x: string, shape: readonly number[], type: NodeAttr = FLOAT): string {
    return this.add('Reshape', [x, this.ints(shape)], { T: type, Tshape: INT32 });
  }

  private unique(wanted: string): string {
    const count = this.used.get(wanted) ?? 0;
    this.used.set(wanted, count + 1);
    return count === 0 ? wanted : this.unique(`${wanted}_${count}`);
  }
}
