import type * as tf from '@tensorflow/tfjs';

interface NativeAttr {
  name: string;
  type: number;
  value: number | number[] | string | boolean;
}

/** What this project uses of tfjs-node's backend: running any native TensorFlow operation by name. */
export interface NodeBackend {
  binding: Record<
    | 'TF_FLOAT'
    | 'TF_INT32'
    | 'TF_ATTR_TYPE'
    | 'TF_ATTR_INT'
    | 'TF_ATTR_BOOL'
    | 'TF_ATTR_FLOAT'
    | 'TF_ATTR_STRING',
    number
  >;
  executeSingleOutput(name: string, attrs: NativeAttr[], inputs: tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attrs: NativeAttr[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}

/** Attributes of native operations, in the form the addon takes them. */
export class NativeAttrs {
  private readonly attrs: NativeAttr[] = [];
  private readonly binding: NodeBackend['binding'];

  constructor(backend: NodeBackend) {
    this.binding = backend.binding;
  }

  float32(...names: string[]): this {
    for (const name of names) this.push(name, 'TF_ATTR_TYPE', this.binding.TF_FLOAT);
    return this;
  }

  ints(name: string, value: number[]): this {
    return this.push(name, 'TF_ATTR_INT', value);
  }

  number(name: string, value: number): this {
    return this.push(name, 'TF_ATTR_FLOAT', value);
  }

  bool(name: string, value: boolean): this {
    return this.push(name, 'TF_ATTR_BOOL', value);
  }

  string(name: string, value: string): this {
    return this.push(name, 'TF_ATTR_STRING', value);
  }

  list(): NativeAttr[] {
    return this.attrs;
  }

  private push(name: string, type: keyof NodeBackend['binding'], value: NativeAttr['value']): this {
    this.attrs.push({ name, type: this.binding[type], value });
    return this;
  }
}
