import type { DType, HostValue } from '../host-value.js';

/** An attribute of a TensorFlow node. */
export type NodeAttr =
  | { readonly type: DType }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly shape: readonly number[] }
  | { readonly tensor: HostValue };

/** A node of a TensorFlow graph. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  /** `node`, `node:1` for another output than the first, `^node` for "after". */
  readonly inputs: readonly string[];
  readonly attrs: Readonly<Record<string, NodeAttr>>;
}

export const FLOAT: NodeAttr = { type: 'float32' };
export const INT32: NodeAttr = { type: 'int32' };
