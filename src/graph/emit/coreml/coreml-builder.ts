import type { HostValue } from '../../host-value.js';
import type { HalfEncoder } from '../host-tensors.js';
import type { TensorWriter } from '../placed-tensors.js';
import type { LayerKind } from './proto.js';

/** Constants of up to this many numbers are never stored as halves. */
const SMALL = 16;

/** Writes layers of a Core ML neural network under unique names that tell where in the model they stand. */
export class CoremlBuilder implements TensorWriter {
  readonly layers: Readonly<Record<string, unknown>>[] = [];
  /** Module whose layers are added now. */
  scope = '';
  private readonly used = new Set<string>();

  /** @param half stores large weights as float16 */
  constructor(private readonly half?: HalfEncoder) {}

  /** Adds a layer of one output and gives the output's name. */
  add(
    kind: LayerKind,
    inputs: readonly string[],
    parameters: Readonly<Record<string, unknown>> = {},
    wanted: string = this.scope === '' ? kind : `${this.scope}/${kind}`,
  ): string {
    const name = this.unique(wanted);
    this.layers.push({ name, input: inputs, output: [name], [kind]: parameters });
    return name;
  }

  transpose(x: string, perm: readonly number[]): string {
    return this.add('transpose', [x], { axes: perm });
  }

  constant({ shape, data }: HostValue, name?: string): string {
    // There are no scalars: one number is a tensor of one axis.
    const parameters = {
      shape: shape.length === 0 ? [1] : shape,
      data: this.weights(data as Float32Array, name),
    };
    return this.add('loadConstantND', [], parameters, name);
  }

  scalar(value: number): string {
    return this.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  weights(values: Float32Array, name = 'constant'): Readonly<Record<string, unknown>> {
    if (this.half === undefined || values.length <= SMALL) return { floatValue: values };
    const halves = this.half(name, values);
    return { float16Value: new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength) };
  }

  private unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.used.has(name); i++) name = `${wanted}_${i}`;
    this.used.add(name);
    return name;
  }
}
