import { checkTree } from './check-tree.js';
import { COST, PickleMachine, type UnpickleContext } from './machine.js';
import { OP } from './opcodes.js';
import { ClassRef, type PickleValue } from './values.js';

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
  const machine = new PickleMachine(bytes, context);
  try {
    const value = run(machine);
    checkTree(value, context.where);
    return { value, length: machine.reader.position, foreign: machine.foreign };
  } catch (error) {
    context.budget.release(machine.charged);
    throw error;
  }
}

function run(machine: PickleMachine): PickleValue {
  const { reader } = machine;
  if (reader.u8() !== OP.PROTO) reader.fail('no protocol number: protocols 0 and 1 are not read');
  const protocol = reader.u8();
  if (protocol < 2 || protocol > 5) reader.fail(`protocol ${protocol}; 2 to 5 are read`);
  for (;;) {
    const op = reader.u8();
    if (op === OP.STOP) break;
    step(machine, op);
  }
  return machine.result();
}

function step(machine: PickleMachine, op: number): void {
  const { reader } = machine;
  switch (op) {
    case OP.MARK:
      return machine.mark();
    case OP.POP:
      return machine.discard();
    case OP.POP_MARK:
      machine.popMark();
      return;
    case OP.DUP:
      return machine.push(machine.top(), COST.slot);
    case OP.NONE:
      return machine.push(null, COST.slot);
    case OP.NEWTRUE:
      return machine.push(true, COST.slot);
    case OP.NEWFALSE:
      return machine.push(false, COST.slot);
    case OP.BININT:
      return machine.push(reader.i32(), COST.slot);
    case OP.BININT1:
      return machine.push(reader.u8(), COST.slot);
    case OP.BININT2:
      return machine.push(reader.u16(), COST.slot);
    case OP.LONG1:
      return machine.push(reader.integer(reader.u8()), COST.integer);
    case OP.LONG4:
      return machine.push(reader.integer(reader.u32()), COST.integer);
    case OP.BINFLOAT:
      return machine.push(reader.f64(), COST.float);
    case OP.SHORT_BINUNICODE:
      return machine.text(reader.u8());
    case OP.BINUNICODE:
      return machine.text(reader.u32());
    case OP.BINUNICODE8:
      return machine.text(reader.u64());
    case OP.SHORT_BINSTRING:
    case OP.BINSTRING: {
      const length = op === OP.BINSTRING ? reader.u32() : reader.u8();
      return machine.push(reader.latin1(length), COST.text + 2 * length);
    }
    case OP.SHORT_BINBYTES:
      return machine.bytes(reader.u8());
    case OP.BINBYTES:
      return machine.bytes(reader.u32());
    case OP.BINBYTES8:
    case OP.BYTEARRAY8:
      return machine.bytes(reader.u64());
    case OP.EMPTY_LIST:
    case OP.EMPTY_TUPLE:
      return machine.push([], COST.array);
    case OP.EMPTY_DICT:
      return machine.push(new Map(), COST.map);
    case OP.EMPTY_SET:
      return machine.push(new Set(), COST.map);
    case OP.TUPLE1:
      return machine.tuple(1);
    case OP.TUPLE2:
      return machine.tuple(2);
    case OP.TUPLE3:
      return machine.tuple(3);
    case OP.TUPLE: {
      const items = machine.popMark();
      return machine.push(items, COST.array + COST.slot * items.length);
    }
    case OP.FROZENSET: {
      const items = machine.popMark();
      return machine.push(new Set(items), COST.map + COST.entry * items.length);
    }
    case OP.ADDITEMS:
      return machine.addItems(machine.popMark());
    case OP.APPEND: {
      const item = machine.pop();
      return machine.append(machine.top(), [item]);
    }
    case OP.APPENDS: {
      const items = machine.popMark();
      return machine.append(machine.top(), items);
    }
    case OP.SETITEM: {
      const value = machine.pop();
      const key = machine.pop();
      return machine.setItems(machine.top(), [key, value]);
    }
    case OP.SETITEMS: {
      const items = machine.popMark();
      return machine.setItems(machine.top(), items);
    }
    case OP.BINGET:
      return machine.get(reader.u8());
    case OP.LONG_BINGET:
      return machine.get(reader.u32());
    case OP.BINPUT:
      return machine.put(reader.u8());
    case OP.LONG_BINPUT:
      return machine.put(reader.u32());
    case OP.MEMOIZE:
      return machine.memoize();
    case OP.GLOBAL: {
      const module = reader.line();
      return machine.push(new ClassRef(module, reader.line()), COST.object);
    }
    case OP.STACK_GLOBAL:
      return machine.stackGlobal();
    case OP.REDUCE:
    case OP.NEWOBJ:
      return machine.call(machine.pop());
    case OP.NEWOBJ_EX: {
      const keywords = machine.pop();
      return machine.call(machine.pop(), [keywords]);
    }
    case OP.BUILD:
      return machine.build();
    case OP.BINPERSID:
      return machine.persistent();
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
