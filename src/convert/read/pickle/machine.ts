import type { MemoryBudget } from '../memory-budget.js';
import { construct, ENTRY_COST, SLOT_COST, type Construction } from './constructors.js';
import { PickleReader } from './pickle-reader.js';
import { ClassRef, ForeignObject, type PickleValue } from './values.js';

/** Marks open at once; honest pickles nest a handful. */
const MAX_MARKS = 1000;

/** Bytes that values cost in memory, rounded up: one-byte opcodes can make objects of hundreds. */
export const COST = {
  slot: SLOT_COST,
  array: 80,
  map: 320,
  object: 480,
  entry: ENTRY_COST,
  memo: 96,
  text: 64,
  integer: 120,
  float: 48,
} as const;

export interface UnpickleContext {
  /** File (and entry) for messages. */
  readonly where: string;
  readonly budget: MemoryBudget;
  /** Resolves the ids under which torch.save keeps storages outside the pickle. */
  readonly persistentLoad: (id: PickleValue) => PickleValue;
}

/**
 * What a pickle's opcodes act on: a stack with marks, and a memo. Everything that comes to lie there is asked for in the budget
 * first.
 */
export class PickleMachine implements Construction {
  readonly reader: PickleReader;
  readonly where: string;
  readonly budget: MemoryBudget;
  readonly foreign = new Set<string>();
  charged = 0;
  private readonly stack: PickleValue[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    bytes: Uint8Array,
    private readonly context: UnpickleContext,
  ) {
    this.where = context.where;
    this.budget = context.budget;
    this.reader = new PickleReader(bytes, context.where);
  }

  charge(bytes: number): void {
    this.budget.take(bytes, 'the objects of its pickle');
    this.charged += bytes;
  }

  push(value: PickleValue, cost: number): void {
    this.charge(cost);
    this.stack.push(value);
  }

  mark(): void {
    if (this.marks.length >= MAX_MARKS) this.reader.fail(`nested deeper than ${MAX_MARKS} levels`);
    this.marks.push(this.stack.length);
  }

  /** Drops the mark or the value on top. */
  discard(): void {
    if (this.stack.length === this.marks[this.marks.length - 1]) this.marks.pop();
    else this.pop();
  }

  pop(): PickleValue {
    if (this.stack.length <= (this.marks[this.marks.length - 1] ?? 0)) this.reader.fail('the stack is empty');
    return this.stack.pop()!;
  }

  top(): PickleValue {
    if (this.stack.length <= (this.marks[this.marks.length - 1] ?? 0)) this.reader.fail('the stack is empty');
    return this.stack[this.stack.length - 1]!;
  }

  popMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) this.reader.fail('no mark on the stack');
    return this.stack.splice(mark);
  }

  text(length: number): void {
    this.push(this.reader.text(length), COST.text + 2 * length);
  }

  bytes(length: number): void {
    this.push(this.reader.take(length), COST.array + length);
  }

  tuple(length: number): void {
    const items = new Array<PickleValue>(length);
    for (let i = length - 1; i >= 0; i--) items[i] = this.pop();
    this.push(items, COST.array + COST.slot * length);
  }

  get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.reader.fail(`nothing is kept under number ${index}`);
    this.push(value, COST.slot);
  }

  put(index: number): void {
    if (!this.memo.has(index)) this.charge(COST.memo);
    this.memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.memo.size);
  }

  persistent(): void {
    this.push(this.context.persistentLoad(this.pop()), COST.object);
  }

  addItems(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof Set)) return this.reader.fail('items added to what is no set');
    this.charge(COST.entry * items.length);
    for (const item of items) target.add(item);
  }

  append(target: PickleValue, items: readonly PickleValue[]): void {
    this.charge(COST.slot * items.length);
    const list = target instanceof ForeignObject ? target.items : target;
    if (!Array.isArray(list)) return this.reader.fail('items appended to what is no list');
    for (const item of items) list.push(item);
  }

  setItems(target: PickleValue, items: readonly PickleValue[]): void {
    this.charge(COST.entry * items.length);
    const map = target instanceof ForeignObject ? target.entries : target;
    if (!(map instanceof Map)) return this.reader.fail('entries set on what is no dict');
    if (items.length % 2 !== 0) return this.reader.fail('a key without a value');
    for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  }

  call(args: PickleValue, extra: PickleValue[] = []): void {
    const callable = this.pop();
    if (!Array.isArray(args)) return this.reader.fail('a call whose arguments are no tuple');
    this.charge(COST.object + COST.slot * args.length);
    this.push(construct(callable, [...args, ...extra], this), COST.slot);
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    // An OrderedDict's or a tensor's attributes (a state_dict's _metadata) are of no use here.
    if (target instanceof ForeignObject) target.state = state;
    else if (typeof target !== 'object' || target === null)
      this.reader.fail('state set on what is no object');
  }

  stackGlobal(): void {
    const name = this.pop();
    const module = this.pop();
    if (typeof name !== 'string' || typeof module !== 'string')
      return this.reader.fail('a class without a name');
    this.push(new ClassRef(module, name), COST.array);
  }

  /** The one value that is left at the end. */
  result(): PickleValue {
    if (this.stack.length !== 1 || this.marks.length > 0)
      this.reader.fail(`${this.stack.length} values at its end`);
    return this.stack[0]!;
  }
}
