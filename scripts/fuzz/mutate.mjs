// Mutations of checkpoint files. Everything is drawn from a seed, so that a finding can be repeated.
import { Buffer } from 'node:buffer';
import { crc32 } from '../../dist/src/convert/read/crc32.js';

/** A random generator (mulberry32): `next(n)` is a whole number from 0 to n-1. */
export function generator(seed) {
  let a = seed | 0;
  return (n) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

const INTERESTING = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
];
const HUGE = [2n ** 40n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
/** Opcodes of pickle, the ones torch.save never writes included. */
const OPCODES = [
  ...'().01234CFGIJKLMNPQRSTUVXabcdeghijlopqrstu]}',
  ...'\x80\x81\x82\x83\x85\x86\x87\x88\x89\x8a\x8b\x8c',
]
  .map((c) => c.charCodeAt(0))
  .concat([0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98]);

/** Where the structure of a file is: its pickles, headers and directories rather than its weights. */
function structure(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ranges = [];
  if (bytes.length > 64 && view.getUint32(0, true) === 0x04034b50) {
    const name = 30 + view.getUint16(26, true);
    const start = name + view.getUint16(28, true);
    const size = view.getUint32(22, true) || view.getUint32(18, true);
    if (start + size < bytes.length) ranges.push([start, start + size]);
    ranges.push(
      [0, Math.min(start, bytes.length)],
      [Math.floor(bytes.length * 0.8), bytes.length],
      [bytes.length - 98, bytes.length],
    );
  } else if (bytes[8] === 0x7b) {
    const length = Number(view.getBigUint64(0, true));
    ranges.push([0, 8], [8, Math.min(8 + length, bytes.length)]);
  } else ranges.push([0, Math.min(bytes.length, 8192)]);
  return ranges.filter(([from, to]) => from >= 0 && to > from);
}

const edits = [
  // a bit
  (bytes, at, next) => void (bytes[at] ^= 1 << next(8)),
  // a byte
  (bytes, at, next) => void (bytes[at] = next(256)),
  (bytes, at, next) => void (bytes[at] = Number(INTERESTING[next(6)])),
  // an opcode
  (bytes, at, next) => void (bytes[at] = OPCODES[next(OPCODES.length)]),
  // a digit of a JSON number
  (bytes, at, next) => {
    for (let i = at; i < Math.min(at + 64, bytes.length); i++)
      if (bytes[i] >= 0x30 && bytes[i] <= 0x39) return void (bytes[i] = 0x30 + next(10));
  },
  // a number of two, four or eight bytes
  (bytes, at, next) => {
    const size = [2, 4, 8][next(3)];
    const all = size === 8 ? [...INTERESTING, ...HUGE] : INTERESTING;
    const value = BigInt.asUintN(8 * size, all[next(all.length)]);
    for (let b = 0; b < size && at + b < bytes.length; b++)
      bytes[at + b] = Number((value >> BigInt(8 * b)) & 255n);
  },
];

const concat = (...parts) => new Uint8Array(Buffer.concat(parts));

/** Changes of the length: cut, remove, repeat, insert, splice with another file. */
const reshapes = [
  (bytes, at) => bytes.slice(0, at),
  (bytes, at, next) =>
    concat(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + next(64)))),
  (bytes, at, next) => {
    const end = Math.min(bytes.length, at + 1 + next(64));
    return concat(bytes.subarray(0, end), bytes.subarray(at));
  },
  (bytes, at, next) =>
    concat(
      bytes.subarray(0, at),
      Uint8Array.from({ length: 1 + next(16) }, () => next(256)),
      bytes.subarray(at),
    ),
  // One opcode many times: deep nesting, many objects.
  (bytes, at, next) => {
    const op = OPCODES[next(OPCODES.length)];
    return concat(bytes.subarray(0, at), new Uint8Array(1 << next(17)).fill(op), bytes.subarray(at));
  },
  (bytes, at, next, other) => concat(bytes.subarray(0, at), other.subarray(next(other.length))),
];

/**
 * After a change inside the first entry of a zip archive, puts its new checksum into the headers: otherwise nearly every
 * mutation of a pickle would end at the checksum and test nothing behind it.
 */
function repairChecksum(original, bytes) {
  const view = new DataView(original.buffer, original.byteOffset, original.byteLength);
  if (bytes.length !== original.length || view.getUint32(0, true) !== 0x04034b50) return;
  const start = 30 + view.getUint16(26, true) + view.getUint16(28, true);
  const size =
    view.getUint32(22, true) ||
    Buffer.from(original).indexOf(Buffer.from('PK\x07\x08', 'latin1'), start) - start;
  const [entry] = [original.subarray(start, start + size)];
  const before = Buffer.alloc(4);
  before.writeUInt32LE(crc32(entry));
  const after = Buffer.alloc(4);
  after.writeUInt32LE(crc32(bytes.subarray(start, start + size)));
  const target = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = target.indexOf(before); at >= 0; at = target.indexOf(before, at + 4)) after.copy(target, at);
}

/** One mutated copy of `original`. */
export function mutate(original, seed, others) {
  const next = generator(seed);
  let bytes = original.slice();
  if (bytes.length === 0) return bytes;
  const ranges = structure(original);
  const place = () => {
    if (next(4) === 0) return next(bytes.length);
    // The first range, the pickle or header, is where most of the reading is.
    const [from, to] = ranges[Math.min(next(ranges.length), next(ranges.length))];
    return Math.min(from + next(to - from), bytes.length - 1);
  };
  if (next(5) === 0) {
    bytes = reshapes[next(reshapes.length)](bytes, place(), next, others[next(others.length)]);
  } else {
    for (let n = 1 + next(next(2) === 0 ? 2 : 12); n > 0; n--)
      edits[next(edits.length)](bytes, place(), next);
    if (next(4) !== 0) repairChecksum(original, bytes);
  }
  return bytes;
}
