import { describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/convert/checkpoint.js';
import { CheckpointError, type CheckpointErrorKind } from '../../src/convert/checkpoint-error.js';
import { ForeignObject } from '../../src/convert/read/pickle/values.js';
import { bufferSource } from '../../src/convert/source/byte-source.js';
import {
  floats,
  OP,
  pickleDict,
  PickleWriter,
  torchZip,
  writeTensor,
  type BuildTensor,
} from '../helpers/build-pickle.js';
import { buildZip } from '../helpers/build-zip.js';

const read = (bytes: Uint8Array, which?: string) =>
  readCheckpoint(bufferSource(bytes, 'attack.pth'), which === undefined ? {} : { which });

async function refused(bytes: Uint8Array, kind: CheckpointErrorKind, message: RegExp): Promise<void> {
  const error: unknown = await read(bytes).then(
    () => 'was read',
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect((error as CheckpointError).message).toMatch(message);
  expect((error as CheckpointError).kind).toBe(kind);
}

const weights = (tensor: BuildTensor = {}): Uint8Array => pickleDict((p) => writeTensor(p.text('w'), tensor));

describe('the hand-made archive the attacks start from', () => {
  it.each([
    { descriptor: true },
    { wide: true },
    { deflate: true, descriptor: true },
    { deflate: true, wide: true },
  ])('is read when its entries are honest (%o)', async (kind) => {
    const zip = buildZip([
      { name: 'x/data.pkl', data: weights(), ...kind },
      { name: 'x/data/0', data: floats(6), ...kind },
    ]);
    expect([...(await read(zip)).tensors.get('w')!.data]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it.each([{}, { zip64: true }])('is read when it is honest (%o)', async (options) => {
    const { tensors } = await read(torchZip(weights(), undefined, options));
    expect(tensors.get('w')).toEqual({
      shape: [2, 3],
      data: new Float32Array([0, 1, 2, 3, 4, 5]),
      type: 'float32',
    });
  });
});

describe('malicious pickles', () => {
  it('carries os.system as data, runs nothing', async () => {
    const pickle = pickleDict((p) => {
      writeTensor(p.text('model').op(OP.EMPTY_DICT).text('w')).op(OP.SETITEM);
      p.text('run').global('os', 'system').text('echo owned').op(OP.TUPLE1, OP.REDUCE);
    });
    const { extras, notes, tensors } = await read(torchZip(pickle));
    expect(tensors.size).toBe(1);
    const run = extras.get('run') as ForeignObject;
    expect(run).toBeInstanceOf(ForeignObject);
    expect([run.className, run.args]).toEqual(['os.system', ['echo owned']]);
    expect(notes.join()).toContain('os.system');
  });

  it('does not reach JavaScript through names of its own objects', async () => {
    const names: [string, string][] = [
      ['constructor', 'constructor'],
      ['__proto__', 'toString'],
      ['builtins', 'eval'],
      ['process', 'exit'],
    ];
    const pickle = pickleDict((p) => {
      writeTensor(p.text('model').op(OP.EMPTY_DICT).text('__proto__')).op(OP.SETITEM);
      names.forEach(([module, name], i) =>
        p
          .text(`x${i}`)
          .global(module, name)
          .text('1')
          .op(OP.TUPLE1, OP.REDUCE)
          .op(OP.EMPTY_DICT)
          .text('__proto__')
          .int(1)
          .op(OP.SETITEM, OP.BUILD),
      );
    });
    const { extras, tensors } = await read(torchZip(pickle));
    expect([...tensors.keys()]).toEqual(['__proto__']);
    for (const value of extras.values()) expect(value).toBeInstanceOf(ForeignObject);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it('a tensor subclass cannot smuggle a call in', async () => {
    const pickle = pickleDict((p) => {
      writeTensor(p.text('w'));
      p.text('x').global('torch._tensor', '_rebuild_from_type_v2').op(OP.MARK).global('os', 'system');
      p.global('torch', 'Tensor').text('echo').op(OP.TUPLE1, OP.EMPTY_DICT, OP.TUPLE, OP.REDUCE);
    });
    const { tensors, notes } = await read(torchZip(pickle));
    expect([...tensors.keys()]).toEqual(['w']);
    expect(notes.join()).toContain('no tensors: x');
  });

  const raw = (...ops: number[]): Uint8Array => new PickleWriter().op(...ops).finish();
  const repeated = (op: readonly number[], n: number): number[] => Array.from({ length: n }, () => op).flat();
  const u32 = (n: number): number[] => [...new Uint8Array(new Uint32Array([n]).buffer)];
  const bulk = (...parts: (number[] | Uint8Array)[]): Uint8Array =>
    new Uint8Array(Buffer.concat([[0x80, 2], ...parts, [OP.STOP]].map((part) => Buffer.from(part))));

  it.each<[string, Uint8Array, CheckpointErrorKind, RegExp]>([
    [
      'a string of 4 GB',
      raw(OP.BINUNICODE, 255, 255, 255, 255),
      'truncated',
      /4294967295 bytes .* only 1 are left/,
    ],
    ['bytes of 2^63', raw(OP.BINBYTES8, ...Array<number>(8).fill(255)), 'truncated', /are left/],
    ['a frame of 2^60', raw(OP.FRAME, 0, 0, 0, 0, 0, 0, 0, 16), 'truncated', /are left/],
    [
      'an integer of 200 bytes',
      bulk([OP.LONG1, 200], new Uint8Array(200)),
      'corrupt',
      /an integer of 200 bytes/,
    ],
    [
      'a class name without end',
      bulk([OP.GLOBAL], new Uint8Array(5000).fill(97)),
      'corrupt',
      /a name of over 1024/,
    ],
    ['text that is not UTF-8', raw(OP.SHORT_BINUNICODE, 1, 0xff), 'corrupt', /not UTF-8/],
    ['an empty stack', raw(OP.POP), 'corrupt', /stack is empty/],
    ['nothing under a mark', raw(OP.NONE, OP.MARK, OP.TUPLE1), 'corrupt', /stack is empty/],
    ['no mark', raw(OP.TUPLE), 'corrupt', /no mark/],
    ['an unknown memo', raw(OP.BINGET, 7), 'corrupt', /nothing is kept under number 7/],
    ['two values', raw(OP.NONE, OP.NONE), 'corrupt', /2 values at its end/],
    ['a mark left open', raw(OP.NONE, OP.MARK), 'corrupt', /at its end/],
    ['an unknown opcode', raw(0xff), 'corrupt', /no opcode 255/],
    ['the opcode that imports and calls', raw(0x69), 'corrupt', /opcode INST/],
    ['the extension registry', raw(0x82, 1), 'corrupt', /opcode EXT1/],
    ['protocol 0', Uint8Array.from([0x4e, OP.STOP]), 'corrupt', /protocols 0 and 1/],
    ['protocol 6', Uint8Array.from([0x80, 6, 0x4e, OP.STOP]), 'corrupt', /protocol 6/],
    ['a call of a number', raw(OP.BININT1, 1, OP.EMPTY_TUPLE, OP.REDUCE), 'corrupt', /no function/],
    ['items for a number', raw(OP.BININT1, 1, OP.NONE, OP.APPEND), 'corrupt', /no list/],
    [
      'a key without a value',
      raw(OP.EMPTY_DICT, OP.MARK, OP.NONE, OP.SETITEMS),
      'corrupt',
      /without a value/,
    ],
    ['state for a number', raw(OP.BININT1, 1, OP.NONE, OP.BUILD), 'corrupt', /no object/],
    ['marks nested a thousand deep', bulk(repeated([OP.MARK], 1001)), 'corrupt', /nested deeper than 1000/],
    [
      'tuples nested without marks',
      bulk([OP.NONE], repeated([OP.TUPLE1], 300)),
      'limit',
      /nested deeper than 256/,
    ],
    [
      'nesting built from the inside, through the memo',
      bulk(
        [OP.EMPTY_LIST, OP.BINPUT, 0, OP.BINPUT, 1, OP.POP],
        repeated([OP.BINGET, 1, OP.EMPTY_LIST, OP.BINPUT, 1, OP.APPEND, OP.POP], 300),
        [OP.BINGET, 0],
      ),
      'limit',
      /nested deeper than 256/,
    ],
    [
      'a list that contains itself',
      raw(OP.EMPTY_LIST, OP.BINPUT, 0, OP.BINGET, 0, OP.APPEND),
      'corrupt',
      /contains itself/,
    ],
    [
      'doubling through the memo (a billion laughs)',
      bulk(
        [OP.NONE, OP.BINPUT, 0, OP.POP],
        repeated([OP.BINGET, 0, OP.BINGET, 0, OP.TUPLE2, OP.BINPUT, 0, OP.POP], 40),
        [OP.BINGET, 0],
      ),
      'limit',
      /4000000 values/,
    ],
    [
      'a million dicts',
      bulk([OP.MARK], repeated([OP.EMPTY_DICT], 1_000_000), [OP.TUPLE]),
      'memory',
      /objects of its pickle/,
    ],
    [
      'a large list copied again and again',
      bulk(
        [OP.MARK],
        repeated([OP.NONE], 200_000),
        [OP.TUPLE, OP.BINPUT, 0, OP.TUPLE1, OP.BINPUT, 1],
        ...Array.from({ length: 40 }, () =>
          Buffer.concat([Buffer.from('ctorch\nSize\n'), Buffer.from([OP.BINGET, 1, OP.REDUCE])]),
        ),
      ),
      'memory',
      /objects of its pickle/,
    ],
    [
      'memo numbers far apart',
      bulk(
        [OP.NONE],
        Buffer.concat(
          Array.from({ length: 900_000 }, (_, i) => Buffer.from([OP.LONG_BINPUT, ...u32(i * 4000)])),
        ),
      ),
      'memory',
      /objects of its pickle/,
    ],
  ])('%s', async (_, pickle, kind, message) => {
    await refused(torchZip(pickle), kind, message);
  });

  it('bytes after the end of the pickle', async () => {
    await refused(
      torchZip(new Uint8Array(Buffer.concat([weights(), Buffer.from([0])]))),
      'corrupt',
      /1 bytes after the end/,
    );
  });

  it('a reference to something other than a storage', async () => {
    await refused(torchZip(raw(OP.BININT1, 1, OP.BINPERSID)), 'corrupt', /other than a storage/);
  });

  it('control characters in names do not reach the terminal', async () => {
    const pickle = pickleDict((p) => writeTensor(p.text('w\u001b[2J\u202e'), { count: 7 }));
    const error = await read(torchZip(pickle)).catch((e: unknown) => e as CheckpointError);
    // eslint-disable-next-line no-control-regex
    expect((error as CheckpointError).message).not.toMatch(/[\u001b\u202e]/);
  });
});

describe('tensors that do not fit their storage', () => {
  it.each<[string, BuildTensor, CheckpointErrorKind, RegExp]>([
    [
      'more elements than the storage',
      { shape: [7, 1], strides: [1, 1] },
      'corrupt',
      /reaches element 6 of a storage of 6/,
    ],
    ['an offset that pushes it out', { offset: 1 }, 'corrupt', /reaches element 6 of a storage of 6/],
    ['strides that reach out', { strides: [4, 1] }, 'corrupt', /reaches element 6/],
    ['negative strides', { strides: [-3, 1] }, 'corrupt', /negative strides/],
    ['fewer strides than dimensions', { strides: [3] }, 'corrupt', /2 dimensions and 1 strides/],
    [
      'a shape beyond all numbers',
      { shape: [2 ** 31, 2 ** 31], strides: [0, 0] },
      'corrupt',
      /impossible tensor/,
    ],
    ['an expanded tensor of 4 GB', { shape: [2 ** 30], strides: [0] }, 'memory', /4,294,967,296 bytes/],
    [
      '65 dimensions',
      { shape: Array<number>(65).fill(1), strides: Array<number>(65).fill(1) },
      'corrupt',
      /65 dimensions/,
    ],
    ['a storage larger than its record', { count: 7 }, 'corrupt', /has 24 bytes; its tensors need 28/],
    [
      'a storage smaller than its record',
      { count: 5, shape: [5], strides: [1] },
      'corrupt',
      /has 24 bytes; its tensors need 20/,
    ],
    ['another element type', { storage: 'DoubleStorage' }, 'corrupt', /has 24 bytes; its tensors need 48/],
    ['a missing storage', { key: '9' }, 'corrupt', /x\/data\/9: the storage is missing/],
    ['a storage outside the folder', { key: '../data.pkl' }, 'corrupt', /missing from the archive/],
    [
      'complex numbers',
      { storage: 'ComplexFloatStorage' },
      'unsupported',
      /: w: elements of type ComplexFloatStorage/,
    ],
    ['quantised numbers', { storage: 'QInt8Storage' }, 'unsupported', /QInt8Storage are not read/],
  ])('%s', async (_, tensor, kind, message) => {
    await refused(torchZip(weights(tensor)), kind, message);
  });

  it('many expanded views of one storage, each small enough alone', async () => {
    const pickle = pickleDict((p) => {
      for (let i = 0; i < 40; i++) writeTensor(p.text(`w${i}`), { shape: [1 << 19], strides: [0] });
    });
    await refused(torchZip(pickle), 'memory', /more than a file of/);
  });

  it('an expanded view that is small is read', async () => {
    const { tensors } = await read(torchZip(weights({ shape: [2, 4], strides: [3, 0], offset: 1 })));
    expect([...tensors.get('w')!.data]).toEqual([1, 1, 1, 1, 4, 4, 4, 4]);
  });

  it('special tensors are named, not silently left out', async () => {
    const pickle = pickleDict((p) => {
      writeTensor(p.text('w'));
      p.text('q').global('torch._utils', '_rebuild_qtensor').op(OP.EMPTY_TUPLE, OP.REDUCE);
    });
    await refused(torchZip(pickle), 'unsupported', /: q: a special tensor/);
  });
});

/** The archive with five bytes between its directory and its end record. */
const insertBeforeEnd = (zip: Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.concat([zip.subarray(0, -22), Buffer.alloc(5), zip.subarray(-22)]));

describe('forged zip archives', () => {
  const pkl = (): { name: string; data: Uint8Array } => ({ name: 'x/data.pkl', data: weights() });
  const data = (): { name: string; data: Uint8Array } => ({ name: 'x/data/0', data: floats(6) });

  it.each<[string, Uint8Array, CheckpointErrorKind, RegExp]>([
    ['two entries of one name', buildZip([pkl(), data(), data()]), 'corrupt', /duplicate/i],
    [
      'a path that climbs out',
      buildZip([pkl(), data(), { name: '../evil', data: 'x' }]),
      'unsafe-name',
      /unsafe filename/i,
    ],
    [
      'an absolute path',
      buildZip([pkl(), data(), { name: '/etc/passwd', data: 'x' }]),
      'unsafe-name',
      /unsafe filename/i,
    ],
    [
      'a backslash path',
      buildZip([pkl(), data(), { name: 'x\\..\\y', data: 'x' }]),
      'unsafe-name',
      /lead out|unsafe/i,
    ],
    [
      'another name in the local header',
      buildZip([pkl(), { ...data(), local: { name: 'x/data/1' } }]),
      'corrupt',
      /local header has another (name|checksum or size|compression method) than/,
    ],
    [
      'another size in the local header',
      buildZip([pkl(), { ...data(), local: { size: 20, packed: 20 } }]),
      'corrupt',
      /local header has another (name|checksum or size|compression method) than/,
    ],
    [
      'another method in the local header',
      buildZip([pkl(), { ...data(), local: { method: 8 } }]),
      'corrupt',
      /local header has another (name|checksum or size|compression method) than/,
    ],
    [
      'another checksum in the local header',
      buildZip([pkl(), { ...data(), local: { crc: 1 } }]),
      'corrupt',
      /local header has another (name|checksum or size|compression method) than/,
    ],
    [
      'another size behind the data',
      buildZip([pkl(), { ...data(), descriptor: 25 }]),
      'corrupt',
      /checksum or sizes behind its data are others/,
    ],
    [
      'another size in the field of zip64',
      buildZip([pkl(), { ...data(), wide: 25 }]),
      'corrupt',
      /two sizes, 24 and 25/,
    ],
    [
      'sizes of zip64 without their field',
      buildZip([pkl(), { ...data(), local: { size: 0xffffffff, packed: 0xffffffff } }]),
      'corrupt',
      /lacks the sizes of zip64/,
    ],
    [
      'sizes of zip64 without their field, in the directory',
      buildZip([pkl(), { ...data(), central: { size: 0xffffffff } }]),
      'corrupt',
      /zip64 field is missing or too short/,
    ],
    [
      'a name of nothing',
      buildZip([pkl(), data(), { name: '', data: 'x' }]),
      'unsafe-name',
      /unsafe filename ""/,
    ],
    [
      'a checksum that the data does not have',
      buildZip([pkl(), { ...data(), local: { crc: 1 }, central: { crc: 1 } }]),
      'corrupt',
      /checksum/,
    ],
    [
      'a deflated entry with a wrong checksum',
      buildZip([pkl(), { ...data(), deflate: true, local: { crc: 1 }, central: { crc: 1 } }]),
      'corrupt',
      /crc|checksum/i,
    ],
    [
      'two sizes of a stored entry',
      buildZip([pkl(), { ...data(), local: { size: 25 }, central: { size: 25 } }]),
      'corrupt',
      /two sizes, 24 and 25/,
    ],
    [
      'entries that share bytes',
      buildZip([pkl(), data(), { name: 'x/data/1', data: floats(6), central: { offset: 0 } }]),
      'corrupt',
      /reaches byte|before the first/,
    ],
    [
      'an entry that reaches into the directory',
      buildZip([pkl(), { ...data(), local: { size: 99, packed: 99 }, central: { size: 99, packed: 99 } }]),
      'corrupt',
      /reaches byte/,
    ],
    [
      'an entry far outside',
      buildZip([pkl(), { ...data(), central: { offset: 0x7fffffff } }]),
      'corrupt',
      /damaged or forged/,
    ],
    [
      'an encrypted entry',
      buildZip([pkl(), { ...data(), central: { flags: 1 } }]),
      'unsupported',
      /encrypted/,
    ],
    [
      'an unknown compression',
      buildZip([pkl(), { ...data(), local: { method: 14 }, central: { method: 14 } }]),
      'unsupported',
      /method 14/,
    ],
    ['bytes after its end', buildZip([pkl(), data()], { trailing: 7 }), 'corrupt', /damaged or forged/],
    [
      'bytes between its directory and its end',
      insertBeforeEnd(buildZip([pkl(), data()])),
      'corrupt',
      /damaged or forged/,
    ],
    [
      'more entries claimed than there are',
      buildZip([pkl(), data()], { count: 3 }),
      'corrupt',
      /damaged or forged/,
    ],
    [
      'fewer entries claimed than there are',
      buildZip([pkl(), data()], { count: 1 }),
      'corrupt',
      /damaged or forged/,
    ],
    ['zip64 records that contradict', buildZip([pkl(), data()], { zip64: 3 }), 'corrupt', /zip64/],
    ['two pickles', buildZip([pkl(), { name: 'y/data.pkl', data: weights() }]), 'corrupt', /2 pickles/],
    [
      'no pickle',
      buildZip([{ name: 'word/document.xml', data: 'x' }]),
      'unknown-format',
      /no data\.pkl .*word\/document\.xml/,
    ],
    ['a NumPy archive', buildZip([{ name: 'arr_0.npy', data: 'x' }]), 'unknown-format', /NumPy/],
    [
      'an unknown byte order',
      buildZip([pkl(), data(), { name: 'x/byteorder', data: 'middle' }]),
      'corrupt',
      /byte order/,
    ],
  ])('%s', async (_, bytes, kind, message) => {
    await refused(bytes, kind, message);
  });

  it('a bomb: 30 MB of zeros in 30 KB', async () => {
    const zeros = new Uint8Array(60 << 20);
    const pickle = weights({ count: zeros.length / 4 });
    await refused(
      torchZip(pickle, [{ name: 'x/data/0', data: zeros, deflate: true }]),
      'memory',
      /more than a file of/,
    );
  });

  it('a bomb whose header understates it', async () => {
    const entry = {
      name: 'x/data/0',
      data: new Uint8Array(1 << 20),
      deflate: true,
      local: { size: 24 },
      central: { size: 24 },
    };
    await refused(torchZip(weights(), [entry]), 'corrupt', /size|longer/i);
  });

  it('a claim that DEFLATE cannot keep', async () => {
    const entry = {
      name: 'x/data/0',
      data: floats(6),
      deflate: true,
      local: { size: 2 ** 31 },
      central: { size: 2 ** 31 },
    };
    await refused(torchZip(weights(), [entry]), 'corrupt', /claims to unpack to 2147483648/);
  });

  it('a directory of sixty thousand empty entries', async () => {
    const entries = Array.from({ length: 60_000 }, (_, i) => ({ name: `x/${i}`, data: '' }));
    await refused(buildZip(entries), 'memory', /its list of entries/);
  });

  it('every truncation is an error with a kind', async () => {
    const whole = torchZip(weights(), undefined, { zip64: true });
    for (let length = 1; length < whole.length; length++) {
      const error: unknown = await read(whole.slice(0, length)).catch((e: unknown) => e);
      expect(error, `${length} bytes`).toBeInstanceOf(CheckpointError);
    }
  });

  it('big-endian archives are read as such', async () => {
    const swapped = floats(6);
    Buffer.from(swapped.buffer).swap32();
    const zip = buildZip([pkl(), { name: 'x/data/0', data: swapped }, { name: 'x/byteorder', data: 'big' }]);
    expect([...(await read(zip)).tensors.get('w')!.data]).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
