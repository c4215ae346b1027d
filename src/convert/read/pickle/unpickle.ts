import type { MemoryBudget } from '../memory-budget.js';
import { checkTree } from './check-tree.js';
import { construct, ENTRY_COST, SLOT_COST, type Construction } from './constructors.js';
import { OP } from './opcodes.js';
import { PickleReader } from './pickle-reader.js';
import { ClassRef, ForeignObject, type PickleValue } from './values.js';

/** Marks open at once; honest pickles nest a handful. */
const MAX_MARKS = 1000;

/** Bytes that values cost in memory, rounded up: one-byte opcodes can make objects of hundreds. */
const COST = {
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

/** Opcodes of other protocols and of features torch.save has no use for, named for the message. */
const OTHERS: Readonly<Record<number, string>> = {
  0x49: 'INT',
  0x4c: 'LONG',
  0x46: 'FLOAT',
  0x53: 'STRING',
  0x56: 'UNICODE',
  0x50: 'PERSID',
  0x69: 'INST',
  0x6f: 'OBJ',
  0x6c: 'LIST',
  0x64: 'DICT',
  0x67: 'GET',
  0x70: 'PUT',
  0x82: 'EXT1',
  0x83: 'EXT2',
  0x84: 'EXT4',
  0x97: 'NEXT_BUFFER',
  0x98: 'READONLY_BUFFER',
};

export interface UnpickleContext {
  /** File (and entry) for messages. */
  readonly where: string;
  readonly budget: MemoryBudget;
  /** Resolves the ids under which torch.save keeps storages outside the pickle. */
  readonly persistentLoad: (id: PickleValue) => PickleValue;
}

export interface Unpickled {
  readonly value: PickleValue;
  /** Bytes the pickle took: what follows belongs to someone else. */
  readonly length: number;
  /** Classes that are carried as inert data. */
  readonly foreign: ReadonlySet<string>;
}

/**
 * Reads one pickle of protocol 2 to 5 as data. Nothing in it is looked up, imported or called: the functions that make
 * tensors are recognised by name, everything else becomes a `ForeignObject`. Throws a CheckpointError; then nothing of the
 * budget stays taken.
 */
export function unpickle(bytes: Uint8Array, context: UnpickleContext): Unpickled {
  const machine = new Machine(bytes, context);
  try {
    const value = machine.run();
    checkTree(value, context.where);
    return { value, length: machine.reader.position, foreign: machine.foreign };
  } catch (error) {
    context.budget.release(machine.charged);
    throw error;
  }
}

class Machine implements Construction {
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

  private push(value: PickleValue, cost: number): void {
    this.charge(cost);
    this.stack.push(value);
  }

  private pop(): PickleValue {
    if (this.stack.length <= (this.marks[this.marks.length - 1] ?? 0)) this.reader.fail('the stack is empty');
    return this.stack.pop()!;
  }

  private top(): PickleValue {
    if (this.stack.length <= (this.marks[this.marks.length - 1] ?? 0)) this.reader.fail('the stack is empty');
    return this.stack[this.stack.length - 1]!;
  }

  private popMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) this.reader.fail('no mark on the stack');
    return this.stack.splice(mark);
  }

  private text(length: number): void {
    this.push(this.reader.text(length), COST.text + 2 * length);
  }

  private bytes(length: number): void {
    this.push(this.reader.take(length), COST.array + length);
  }

  private tuple(length: number): void {
    const items = new Array<PickleValue>(length);
    for (let i = length - 1; i >= 0; i--) items[i] = this.pop();
    this.push(items, COST.array + COST.slot * length);
  }

  private get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.reader.fail(`nothing is kept under number ${index}`);
    this.push(value, COST.slot);
  }

  private put(index: number): void {
    if (!this.memo.has(index)) this.charge(COST.memo);
    this.memo.set(index, this.top());
  }

  private append(target: PickleValue, items: readonly PickleValue[]): void {
    this.charge(COST.slot * items.length);
    const list = target instanceof ForeignObject ? target.items : target;
    if (!Array.isArray(list)) return this.reader.fail('items appended to what is no list');
    for (const item of items) list.push(item);
  }

  private setItems(target: PickleValue, items: readonly PickleValue[]): void {
    this.charge(COST.entry * items.length);
    const map = target instanceof ForeignObject ? target.entries : target;
    if (!(map instanceof Map)) return this.reader.fail('entries set on what is no dict');
    if (items.length % 2 !== 0) return this.reader.fail('a key without a value');
    for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  }

  private call(args: PickleValue, extra: PickleValue[] = []): void {
    const callable = this.pop();
    if (!Array.isArray(args)) return this.reader.fail('a call whose arguments are no tuple');
    this.charge(COST.object + COST.slot * args.length);
    this.push(construct(callable, [...args, ...extra], this), COST.slot);
  }

  private build(): void {
    const state = this.pop();
    const target = this.top();
    // An OrderedDict's or a tensor's attributes (a state_dict's _metadata) are of no use here.
    if (target instanceof ForeignObject) target.state = state;
    else if (typeof target !== 'object' || target === null)
      this.reader.fail('state set on what is no object');
  }

  private stackGlobal(): void {
    const name = this.pop();
    const module = this.pop();
    if (typeof name !== 'string' || typeof module !== 'string')
      return this.reader.fail('a class without a name');
    this.push(new ClassRef(module, name), COST.array);
  }

  run(): PickleValue {
    const { reader } = this;
    if (reader.u8() !== OP.PROTO) reader.fail('no protocol number: protocols 0 and 1 are not read');
    const protocol = reader.u8();
    if (protocol < 2 || protocol > 5) reader.fail(`protocol ${protocol}; 2 to 5 are read`);
    for (;;) {
      const op = reader.u8();
      if (op === OP.STOP) break;
      this.step(op);
    }
    if (this.stack.length !== 1 || this.marks.length > 0)
      reader.fail(`${this.stack.length} values at its end`);
    return this.stack[0]!;
  }

  private step(op: number): void {
    const { reader } = this;
    switch (op) {
      case OP.MARK:
        if (this.marks.length >= MAX_MARKS) reader.fail(`nested deeper than ${MAX_MARKS} levels`);
        this.marks.push(this.stack.length);
        return;
      case OP.POP:
        if (this.stack.length === this.marks[this.marks.length - 1]) this.marks.pop();
        else this.pop();
        return;
      case OP.POP_MARK:
        this.popMark();
        return;
      case OP.DUP:
        return this.push(this.top(), COST.slot);
      case OP.NONE:
        return this.push(null, COST.slot);
      case OP.NEWTRUE:
        return this.push(true, COST.slot);
      case OP.NEWFALSE:
        return this.push(false, COST.slot);
      case OP.BININT:
        return this.push(reader.i32(), COST.slot);
      case OP.BININT1:
        return this.push(reader.u8(), COST.slot);
      case OP.BININT2:
        return this.push(reader.u16(), COST.slot);
      case OP.LONG1:
        return this.push(reader.integer(reader.u8()), COST.integer);
      case OP.LONG4:
        return this.push(reader.integer(reader.u32()), COST.integer);
      case OP.BINFLOAT:
        return this.push(reader.f64(), COST.float);
      case OP.SHORT_BINUNICODE:
        return this.text(reader.u8());
      case OP.BINUNICODE:
        return this.text(reader.u32());
      case OP.BINUNICODE8:
        return this.text(reader.u64());
      case OP.SHORT_BINSTRING:
      case OP.BINSTRING: {
        const length = op === OP.BINSTRING ? reader.u32() : reader.u8();
        return this.push(reader.latin1(length), COST.text + 2 * length);
      }
      case OP.SHORT_BINBYTES:
        return this.bytes(reader.u8());
      case OP.BINBYTES:
        return this.bytes(reader.u32());
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        return this.bytes(reader.u64());
      case OP.EMPTY_LIST:
      case OP.EMPTY_TUPLE:
        return this.push([], COST.array);
      case OP.EMPTY_DICT:
        return this.push(new Map(), COST.map);
      case OP.EMPTY_SET:
        return this.push(new Set(), COST.map);
      case OP.TUPLE1:
        return this.tuple(1);
      case OP.TUPLE2:
        return this.tuple(2);
      case OP.TUPLE3:
        return this.tuple(3);
      case OP.TUPLE: {
        const items = this.popMark();
        return this.push(items, COST.array + COST.slot * items.length);
      }
      case OP.FROZENSET: {
        const items = this.popMark();
        return this.push(new Set(items), COST.map + COST.entry * items.length);
      }
      case OP.ADDITEMS: {
        const items = this.popMark();
        const target = this.top();
        if (!(target instanceof Set)) return reader.fail('items added to what is no set');
        this.charge(COST.entry * items.length);
        for (const item of items) target.add(item);
        return;
      }
      case OP.APPEND: {
        const item = this.pop();
        return this.append(this.top(), [item]);
      }
      case OP.APPENDS: {
        const items = this.popMark();
        return this.append(this.top(), items);
      }
      case OP.SETITEM: {
        const value = this.pop();
        const key = this.pop();
        return this.setItems(this.top(), [key, value]);
      }
      case OP.SETITEMS: {
        const items = this.popMark();
        return this.setItems(this.top(), items);
      }
      case OP.BINGET:
        return this.get(reader.u8());
      case OP.LONG_BINGET:
        return this.get(reader.u32());
      case OP.BINPUT:
        return this.put(reader.u8());
      case OP.LONG_BINPUT:
        return this.put(reader.u32());
      case OP.MEMOIZE:
        return this.put(this.memo.size);
      case OP.GLOBAL: {
        const module = reader.line();
        return this.push(new ClassRef(module, reader.line()), COST.object);
      }
      case OP.STACK_GLOBAL:
        return this.stackGlobal();
      case OP.REDUCE:
      case OP.NEWOBJ:
        return this.call(this.pop());
      case OP.NEWOBJ_EX: {
        const keywords = this.pop();
        return this.call(this.pop(), [keywords]);
      }
      case OP.BUILD:
        return this.build();
      case OP.BINPERSID:
        return this.push(this.context.persistentLoad(this.pop()), COST.object);
      case OP.FRAME:
        return reader.skipFrame();
      default: {
        const name = OTHERS[op];
        reader.fail(
          name
            ? `opcode ${name}, which torch.save never writes in protocols 2 to 5`
            : `no opcode ${op} exists; the file is damaged`,
        );
      }
    }
  }
}
