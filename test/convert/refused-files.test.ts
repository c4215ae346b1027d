import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/convert/checkpoint.js';
import { CheckpointError, type CheckpointErrorKind } from '../../src/convert/checkpoint-error.js';
import { openCheckpoint } from '../../src/convert/files.js';
import { bufferSource, type ByteSource } from '../../src/convert/source/byte-source.js';
import { floats, OP, pickleDict, PickleWriter, writeTensor } from '../helpers/build-pickle.js';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

async function refused(reading: Promise<unknown>, kind: CheckpointErrorKind, message: RegExp): Promise<void> {
  const error: unknown = await reading.then(
    () => 'was read',
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect((error as CheckpointError).message).toMatch(message);
  expect((error as CheckpointError).kind).toBe(kind);
}

const refusedBytes = (bytes: Uint8Array, kind: CheckpointErrorKind, message: RegExp): Promise<void> =>
  refused(readCheckpoint(bufferSource(bytes, 'model.pth')), kind, message);

describe('files that are no checkpoints', () => {
  const page = '<!DOCTYPE html><html><head><title>suous/RecNeXt · GitHub</title></head></html>';
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 103809024\n';
  it.each<[string, Uint8Array, CheckpointErrorKind, RegExp]>([
    ['an empty file', text(''), 'empty', /the file is empty/],
    ['a web page', text(page), 'html', /a web page \("suous\/RecNeXt · GitHub"\)/],
    [
      'a web page after a byte order mark and blanks',
      text('\ufeff\n  <html lang="en">'),
      'html',
      /a web page/,
    ],
    ['a Git LFS pointer', text(pointer), 'lfs-pointer', /Git LFS pointer.*103,809,024 bytes.*git lfs pull/],
    [
      "a server's answer",
      text('{"error":"Repository not found"}'),
      'unknown-format',
      /it says: Repository not found/,
    ],
    ['a shard index without its folder', text('{"weight_map":{}}'), 'directory', /give the folder/],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), 'unknown-format', /gzip file: unpack it first/],
    ['HDF5', Uint8Array.of(0x89, 0x48, 0x44, 0x46, 13), 'unknown-format', /HDF5/],
    [
      'a tar archive',
      new Uint8Array(Buffer.concat([Buffer.alloc(257), Buffer.from('ustar')])),
      'unknown-format',
      /tar archive/,
    ],
    [
      'an empty zip',
      new Uint8Array(Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)])),
      'unknown-format',
      /empty zip/,
    ],
    ['a bare pickle', new PickleWriter().op(OP.NONE).finish(), 'unknown-format', /bare pickle/],
    ['noise', Uint8Array.of(1, 2, 3, 4), 'unknown-format', /starts with the bytes 01 02 03 04/],
    ['one byte', Uint8Array.of(0x80), 'unknown-format', /not a checkpoint/],
    ['JSON that is none', text('{{{'), 'corrupt', /not valid JSON/],
  ])('%s', async (_, bytes, kind, message) => {
    await refusedBytes(bytes, kind, message);
  });
});

describe('paths', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recnext-checkpoints-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('that do not exist, that pass through a file, that are folders', async () => {
    await writeFile(join(folder, 'file'), 'x');
    await mkdir(join(folder, 'empty'));
    await refused(openCheckpoint(join(folder, 'none.pth')), 'missing', /none\.pth: no such file or folder/);
    await refused(openCheckpoint(join(folder, 'file', 'x.pth')), 'missing', /no such file or folder/);
    await refused(
      openCheckpoint(join(folder, 'empty')),
      'directory',
      /a folder without a checkpoint.*no files/,
    );
  });

  it('that are links are followed', async (context) => {
    await writeFile(join(folder, 'real'), '<html>');
    try {
      await symlink(join(folder, 'real'), join(folder, 'link.pth'));
    } catch {
      context.skip('this system does not let us make links');
    }
    await refused(openCheckpoint(join(folder, 'link.pth')), 'html', /a web page/);
  });

  it('whose file changes while it is read', async () => {
    const path = join(folder, 'changing.pth');
    await writeFile(path, '<html>');
    const { openSource } = await import('../../src/convert/files.js');
    const source = (await openSource(path)) as ByteSource;
    await writeFile(path, '<html><body>');
    await refused(readCheckpoint(source), 'changed', /changed while it was being read/);
  });
});

/** A safetensors file around any header. */
function safetensors(header: unknown, data: Uint8Array = floats(6)): Uint8Array {
  const json = text(typeof header === 'string' ? header : JSON.stringify(header));
  const length = new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer);
  return new Uint8Array(Buffer.concat([length, json, data]));
}

describe('safetensors files', () => {
  const w = (more: object = {}): object => ({
    w: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24], ...more },
  });
  const half = { dtype: 'F32', shape: [3], data_offsets: [0, 12] };

  it('the honest one the attacks start from is read', async () => {
    const { tensors } = await readCheckpoint(bufferSource(safetensors(w()), 'x'));
    expect([...tensors.get('w')!.data]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it.each<[string, Uint8Array, CheckpointErrorKind, RegExp]>([
    [
      'a hole before a tensor',
      safetensors({ a: { ...half, data_offsets: [12, 24] } }),
      'corrupt',
      /: a: unused bytes before it \(starts at 12, expected 0\)/,
    ],
    [
      'a hole between tensors',
      safetensors({ a: half, b: { ...half, shape: [2], data_offsets: [16, 24] } }),
      'corrupt',
      /: b: unused bytes before it/,
    ],
    [
      'tensors that overlap',
      safetensors({ a: half, b: { ...half, shape: [4], data_offsets: [8, 24] } }),
      'corrupt',
      /: b: shares bytes/,
    ],
    ['bytes behind the last tensor', safetensors({ a: half }), 'corrupt', /12 bytes after its last tensor/],
    [
      'offsets outside the file',
      safetensors(w({ data_offsets: [0, 28], shape: [7] })),
      'corrupt',
      /: w: bytes 0 to 28 of 24/,
    ],
    ['offsets backwards', safetensors(w({ data_offsets: [24, 0] })), 'corrupt', /bytes 24 to 0/],
    [
      'a shape that needs other bytes',
      safetensors(w({ shape: [2, 4] })),
      'corrupt',
      /\[2, 4\] of F32 takes 32 bytes, its offsets give 24/,
    ],
    [
      'a shape whose product overflows',
      safetensors(w({ shape: [2 ** 52, 2 ** 52] })),
      'corrupt',
      /takes .* bytes/,
    ],
    ['a negative dimension', safetensors(w({ shape: [-2, -3] })), 'corrupt', /whole numbers/],
    ['a fractional dimension', safetensors(w({ shape: [1.5, 4] })), 'corrupt', /whole numbers/],
    ['no type', safetensors(w({ dtype: 7 })), 'corrupt', /no type/],
    ['an unread type', safetensors(w({ dtype: 'F8_E4M3' })), 'unsupported', /: w: elements of type F8_E4M3/],
    [
      'a type named after a method',
      safetensors(w({ dtype: 'constructor' })),
      'unsupported',
      /of type constructor/,
    ],
    ['a header that is a list', safetensors('[1]'.padEnd(8)), 'unknown-format', /not a checkpoint/],
    [
      'a header longer than the file',
      safetensors(w()).slice(0, 40),
      'truncated',
      /header takes \d+ bytes, the file has 40/,
    ],
    [
      'a header of 2^63',
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b, 0x7d),
      'unknown-format',
      /not a checkpoint/,
    ],
    [
      'the same name twice',
      safetensors(`{"w":${JSON.stringify(half)},"w":${JSON.stringify({ ...half, data_offsets: [12, 24] })}}`),
      'corrupt',
      /"w" appears twice/,
    ],
    [
      'the same name twice, once in escapes',
      safetensors(
        `{"w":${JSON.stringify(half)},"\\u0077":${JSON.stringify({ ...half, data_offsets: [12, 24] })}}`,
      ),
      'corrupt',
      /"w" appears twice/,
    ],
    [
      'the same field twice',
      safetensors('{"w":{"dtype":"I32","dtype":"F32","shape":[6],"data_offsets":[0,24]}}'),
      'corrupt',
      /"dtype" appears twice/,
    ],
    [
      'metadata that is no text',
      safetensors({ __metadata__: { n: 1 }, ...w() }),
      'corrupt',
      /__metadata__ n is no text/,
    ],
    [
      'brackets to the depth of the file',
      safetensors(`{"w":${'['.repeat(50_000)}`),
      'limit',
      /nested deeper than 3/,
    ],
    [
      'half a million empty lists',
      safetensors(`{"w":[${'[],'.repeat(500_000)}0]}`),
      'memory',
      /parsing .* more than a file of/,
    ],
    [
      'two hundred thousand empty tensors',
      safetensors(
        Object.fromEntries(
          Array.from({ length: 200_000 }, (_, i) => [
            `w${i}`,
            { dtype: 'F32', shape: [0], data_offsets: [0, 0] },
          ]),
        ),
        new Uint8Array(0),
      ),
      'memory',
      /more than a file of/,
    ],
    [
      'metadata of half a million fields',
      safetensors({
        __metadata__: Object.fromEntries(Array.from({ length: 500_000 }, (_, i) => [`k${i}`, ''])),
        ...w(),
      }),
      'memory',
      /more than a file of/,
    ],
    ['no tensors', safetensors({}, new Uint8Array(0)), 'no-weights', /holds no tensors/],
  ])('%s', async (_, bytes, kind, message) => {
    await refusedBytes(bytes, kind, message);
  });
});

/** A legacy torch.save file: five pickles and the storages. */
function legacy(main: Uint8Array, keys: string[], storages: [count: bigint, data: Uint8Array][]): Uint8Array {
  const magic = Uint8Array.of(
    0x80,
    2,
    0x8a,
    10,
    0x6c,
    0xfc,
    0x9c,
    0x46,
    0xf9,
    0x20,
    0x6a,
    0xa8,
    0x50,
    0x19,
    OP.STOP,
  );
  const list = new PickleWriter().op(OP.EMPTY_LIST, OP.MARK);
  keys.forEach((key) => list.text(key));
  return new Uint8Array(
    Buffer.concat([
      magic,
      new PickleWriter().int(1001).finish(),
      pickleDict((p) => p.text('little_endian').op(OP.NEWTRUE)),
      main,
      list.op(OP.APPENDS).finish(),
      ...storages.flatMap(([count, data]) => [new Uint8Array(new BigUint64Array([count]).buffer), data]),
    ]),
  );
}

describe('legacy torch.save files', () => {
  const main = (count = 6): Uint8Array => pickleDict((p) => writeTensor(p.text('w'), { count }));
  const honest = legacy(main(), ['0'], [[6n, floats(6)]]);

  it('the honest one is read', async () => {
    const { tensors, format } = await readCheckpoint(bufferSource(honest, 'x'));
    expect(format).toBe('torch-legacy');
    expect([...tensors.get('w')!.data]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('a view of a storage, as PyTorch 0.3 wrote them, is read', async () => {
    const view = (offset: number, count: number): Uint8Array =>
      pickleDict((p) => {
        p.text('w').global('torch._utils', '_rebuild_tensor').op(OP.MARK);
        p.op(OP.MARK).text('storage').global('torch', 'FloatStorage').text('0').text('cpu').int(6);
        p.op(OP.MARK).text('v').int(offset).int(count).op(OP.TUPLE, OP.TUPLE, OP.BINPERSID);
        p.int(0).ints([count]).ints([1]).op(OP.TUPLE, OP.REDUCE);
      });
    const { tensors } = await readCheckpoint(bufferSource(legacy(view(2, 3), ['0'], [[6n, floats(6)]]), 'x'));
    expect([...tensors.get('w')!.data]).toEqual([2, 3, 4]);
    await refusedBytes(legacy(view(4, 3), ['0'], [[6n, floats(6)]]), 'corrupt', /lies outside its storage/);
  });

  it('a pickle longer than the first read is read', async () => {
    const long = pickleDict((p) => writeTensor(p.text('note').text('x'.repeat(400_000)).text('w')));
    const { tensors } = await readCheckpoint(bufferSource(legacy(long, ['0'], [[6n, floats(6)]]), 'x'));
    expect(tensors.size).toBe(1);
  });

  it.each<[string, Uint8Array, CheckpointErrorKind, RegExp]>([
    [
      'another number of elements in the data',
      legacy(main(), ['0'], [[7n, floats(6)]]),
      'corrupt',
      /has 7 elements; its tensors need 6/,
    ],
    [
      'a storage that ends outside',
      legacy(main(1e6), ['0'], [[1000000n, floats(6)]]),
      'truncated',
      /ends at byte \d+, but the file has/,
    ],
    ['a storage that is missing', legacy(main(), [], []), 'corrupt', /storage 0 is not in the file/],
    [
      'a storage listed twice',
      legacy(
        main(),
        ['0', '0'],
        [
          [6n, floats(6)],
          [6n, floats(6)],
        ],
      ),
      'corrupt',
      /lists storage 0 twice/,
    ],
    [
      'a storage nobody uses',
      legacy(
        main(),
        ['0', '1'],
        [
          [6n, floats(6)],
          [6n, floats(6)],
        ],
      ),
      'corrupt',
      /"1" that no tensor uses/,
    ],
    [
      'bytes at the end',
      legacy(main(), ['0'], [[6n, floats(7)]]),
      'corrupt',
      /4 bytes after its last storage/,
    ],
    [
      'another protocol',
      (() => {
        const b = honest.slice();
        b[18] = 0;
        return b;
      })(),
      'unsupported',
      /unknown legacy version/,
    ],
  ])('%s', async (_, bytes, kind, message) => {
    await refusedBytes(bytes, kind, message);
  });

  it('every truncation is an error with a kind', async () => {
    for (let length = 1; length < honest.length; length++) {
      const error: unknown = await readCheckpoint(bufferSource(honest.slice(0, length), 'x')).catch(
        (e: unknown) => e,
      );
      expect(error, `${length} bytes`).toBeInstanceOf(CheckpointError);
    }
  });
});
