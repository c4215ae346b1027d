import { maskedCrc } from '../../../src/data/sources/tfrecord-index.js';

type Value = number | string | Uint8Array;

/** Protocol buffers by hand: a field of bytes, its number and length in front. */
function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = BigInt(value); ; left >>= 7n) {
    const last = left < 128n;
    bytes.push(Number(left & 127n) | (last ? 0 : 128));
    if (last) return Buffer.from(bytes);
  }
}

/** A `tf.train.Example`: numbers as int64 lists, everything else as bytes lists. */
export function example(features: Readonly<Record<string, Value>>): Buffer {
  const entries = Object.entries(features).map(([key, value]) => {
    const feature =
      typeof value === 'number'
        ? field(3, field(1, varint(value)))
        : field(1, field(1, typeof value === 'string' ? Buffer.from(value) : value));
    return field(1, Buffer.concat([field(1, Buffer.from(key)), field(2, feature)]));
  });
  return field(1, Buffer.concat(entries));
}

/** The bytes of a TFRecord file. */
export function tfRecords(records: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    records.flatMap((record) => {
      const head = Buffer.alloc(12);
      head.writeBigUInt64LE(BigInt(record.length));
      head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
      const tail = Buffer.alloc(4);
      tail.writeUInt32LE(maskedCrc(record));
      return [head, record, tail];
    }),
  );
}
