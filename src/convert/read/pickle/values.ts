import type { Storage, TensorRef } from '../tensor-ref.js';

/**
 * What a pickle holds, as inert data. Python's None is null, int is a number (a bigint beyond 2^53), bytes are
 * `Uint8Array`, lists and tuples are arrays, dicts are `Map`s in insertion order. A value never contains itself.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | TensorRef
  | StorageRef
  | ForeignObject
  | ClassRef;

/** A class or function that the pickle names. It is only a name: nothing is looked up. */
export class ClassRef {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  /** `module.name`, as Python would print it. */
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object of a class that tensors do not need: its class, what it was to be built from, and its state. Data, no more. */
export class ForeignObject {
  state: PickleValue = null;
  /** Elements appended to it (a subclass of list). */
  readonly items: PickleValue[] = [];
  /** Entries set on it (a subclass of dict). */
  readonly entries = new Map<PickleValue, PickleValue>();

  constructor(
    readonly className: string,
    readonly args: readonly PickleValue[],
  ) {}
}

/** A storage that the pickle refers to, with the element type its class says (undefined: untyped bytes). */
export class StorageRef {
  constructor(
    readonly storage: Storage,
    readonly elementType: TensorRef['type'] | undefined,
  ) {}
}
