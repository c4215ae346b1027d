/** Opcodes as cPickle of Python 2 wrote them into CIFAR's files. */
const short = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x55, text.length]), Buffer.from(text, 'latin1')]);
const uint8 = (value: number): Buffer => Buffer.from([0x4b, value]);
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.from([0x4a, 0, 0, 0, 0]);
  bytes.writeInt32LE(value, 1);
  return bytes;
};

/** `{key: list of small numbers or of texts}` and an array, in protocol 2 of Python 2. */
export function cifarPickle(
  lists: Readonly<Record<string, readonly (number | string)[]>>,
  pixels?: Uint8Array,
): Buffer {
  const parts: Buffer[] = [Buffer.from('\x80\x02}q\x01(', 'latin1')];
  for (const [key, values] of Object.entries(lists)) {
    parts.push(short(key), Buffer.from(']('));
    for (const value of values) parts.push(typeof value === 'number' ? uint8(value) : short(value));
    parts.push(Buffer.from('e'));
  }
  if (pixels !== undefined) {
    const length = Buffer.from([0x54, 0, 0, 0, 0]);
    length.writeUInt32LE(pixels.length, 1);
    parts.push(
      short('data'),
      Buffer.from(
        'cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09(K\x01',
        'latin1',
      ),
      uint32(pixels.length / 3072),
      uint32(3072),
      Buffer.from(
        '\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89',
        'latin1',
      ),
      length,
      Buffer.from(pixels),
      Buffer.from('tb'),
    );
  }
  return Buffer.concat([...parts, Buffer.from('u.')]);
}

/** Planes of pictures that are all different: `count` times 3072 bytes. */
export function cifarPixels(count: number, from = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: count * 3072 }, (_, i) => ((i * 7) ^ (i >> 8)) + from));
}
