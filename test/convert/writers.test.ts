import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/convert/checkpoint.js';
import { openCheckpoint, writeSafetensors, writeTorch } from '../../src/convert/files.js';
import { crc32, crc32Portable } from '../../src/convert/read/crc32.js';
import { bufferSource } from '../../src/convert/source/byte-source.js';
import { narrow } from '../../src/convert/write/half-precision.js';
import { encodeSafetensors } from '../../src/convert/write/safetensors.js';
import type { HostTensor, StateDict } from '../../src/models/state-dict.js';

/** One tensor of each type, the odd shapes, and bit patterns that a careless conversion would change. */
function allKinds(): StateDict {
  const patterns = new Float32Array(Uint32Array.of(0x7fc01234, 0x7f800001, 0x80000000, 1, 0x3f800001).buffer);
  return new Map<string, HostTensor>([
    ['odd', { shape: [3], data: Uint8Array.of(0, 1, 255) }],
    ['stem.0.weight', { shape: [5], data: patterns }],
    ['stem.0.num_batches_tracked', { shape: [], data: BigInt64Array.of(-(2n ** 62n)) }],
    ['f64', { shape: [2, 1], data: Float64Array.of(Math.PI, -0) }],
    ['i32', { shape: [2], data: Int32Array.of(-5, 7) }],
    ['i16', { shape: [1], data: Int16Array.of(-32768) }],
    ['i8', { shape: [1, 1, 1], data: Int8Array.of(-128) }],
    ['flags', { shape: [3], data: Uint8Array.of(1, 0, 1), type: 'bool' }],
    ['nothing', { shape: [0, 3], data: new Float32Array(0) }],
    ['größe \u001b "quoted"', { shape: [1], data: Float32Array.of(1) }],
  ]);
}

const bytesOf = ({ data }: HostTensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function expectSame(read: StateDict, written: StateDict): void {
  expect([...read.keys()]).toEqual([...written.keys()]);
  for (const [name, tensor] of written) {
    const found = read.get(name)!;
    expect(found.shape, name).toEqual(tensor.shape);
    expect(found.data.constructor, name).toBe(tensor.data.constructor);
    expect(bytesOf(found).equals(bytesOf(tensor)), name).toBe(true);
  }
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recnext-writers-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('safetensors', () => {
  it('comes back bit for bit, in the same order, with its metadata', async () => {
    const path = join(folder, 'all.safetensors');
    const size = await writeSafetensors(path, allKinds(), { format: 'pt', note: 'é' });
    expect((await readFile(path)).length).toBe(size);
    const { tensors, metadata } = await openCheckpoint(path);
    expectSame(tensors, allKinds());
    expect(tensors.get('flags')!.type).toBe('bool');
    expect([...metadata]).toEqual([
      ['format', 'pt'],
      ['note', 'é'],
    ]);
  });

  it('aligns every tensor to its elements, the header to eight bytes', () => {
    const file = Buffer.concat([...encodeSafetensors(allKinds()).chunks()]);
    const length = Number(file.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
      string,
      { data_offsets: [number, number] }
    >;
    for (const [name, { data }] of allKinds())
      expect(header[name]!.data_offsets[0] % data.BYTES_PER_ELEMENT, name).toBe(0);
  });

  it('refuses a tensor that does not fill its shape, and a reserved name', async () => {
    const path = join(folder, 'bad.safetensors');
    const bad: StateDict = new Map([['w', { shape: [2, 2], data: new Float32Array(3) }]]);
    await expect(writeSafetensors(path, bad)).rejects.toThrow('w: shape [2, 2] needs 4 values, found 3');
    await expect(writeTorch(path, bad)).rejects.toThrow('w: shape [2, 2] needs 4 values, found 3');
    const reserved: StateDict = new Map([['__metadata__', { shape: [], data: new Float32Array(1) }]]);
    await expect(writeSafetensors(path, reserved)).rejects.toThrow('__metadata__');
  });
});

describe('.pth', () => {
  it.each([{}, { under: 'model' }])('comes back bit for bit (%o)', async (options) => {
    const path = join(folder, 'all.pth');
    const size = await writeTorch(path, allKinds(), options);
    expect((await readFile(path)).length).toBe(size);
    const { tensors, format, notes } = await openCheckpoint(path);
    expect(format).toBe('torch-zip');
    expectSame(tensors, allKinds());
    expect(notes.join()).toBe('under' in options ? 'weights taken from "model" (10 tensors)' : '');
  });

  it('the same tensors give the same bytes', async () => {
    const [a, b] = [join(folder, 'a.pth'), join(folder, 'b.pth')];
    await writeTorch(a, allKinds());
    await writeTorch(b, allKinds());
    expect((await readFile(a)).equals(await readFile(b))).toBe(true);
  });

  it('stores every storage on a multiple of 64 bytes, uncompressed', async () => {
    const path = join(folder, 'aligned.pth');
    await writeTorch(path, allKinds());
    const file = await readFile(path);
    let entries = 0;
    for (let at = 0; file.readUInt32LE(at) === 0x04034b50; entries++) {
      const start = at + 30 + file.readUInt16LE(at + 26) + file.readUInt16LE(at + 28);
      expect(start % 64).toBe(0);
      expect(file.readUInt16LE(at + 8)).toBe(0);
      at = start + file.readUInt32LE(at + 22);
    }
    expect(entries).toBe(allKinds().size + 5);
  });

  it('refuses types that torch.load(weights_only=True) would not take', async () => {
    const tensors: StateDict = new Map([['u', { shape: [1], data: Uint16Array.of(1) }]]);
    await expect(writeTorch(join(folder, 'u.pth'), tensors)).rejects.toThrow(
      'u: uint16 tensors cannot be written as .pth',
    );
  });

  it('an error while it is written reaches the caller', async () => {
    const tensors = allKinds();
    const { encodeTorch } = await import('../../src/convert/write/torch.js');
    const reader = encodeTorch(tensors).chunks()[Symbol.asyncIterator]();
    await reader.next();
    // Stopping early ends the writing as well; nothing hangs and nothing is left unhandled.
    await reader.return?.(undefined);
    expect((await reader.next()).done).toBe(true);
  });
});

const PYTHON = process.env.RECNEXT_TORCH_PYTHON ?? 'python3';
const torch = spawnSync(PYTHON, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
const reason = torch.status === 0 ? `torch ${torch.stdout.trim()}` : `skipped: ${PYTHON} has no torch`;

describe.skipIf(torch.status !== 0)(`read by PyTorch itself (${reason})`, () => {
  it('torch.load(weights_only=True), also memory-mapped, gives the same bits', async () => {
    const path = join(folder, 'torch.pth');
    await writeTorch(path, allKinds(), { under: 'model' });
    const script = `
import json, sys, torch
for mmap in (False, True):
    model = torch.load(sys.argv[1], weights_only=True, mmap=mmap)['model']
    print(json.dumps([[name, str(t.dtype), list(t.shape), bytes(t.contiguous().flatten().view(torch.uint8).tolist()).hex() if t.numel() else '']
                      for name, t in model.items()]))`;
    const lines = execFileSync(PYTHON, ['-c', script, path], { encoding: 'utf8' }).trim().split('\n');
    const expected = [...allKinds()].map(([name, tensor]) => [
      name,
      tensor.shape,
      bytesOf(tensor).toString('hex'),
    ]);
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      const read = JSON.parse(line) as [string, string, number[], string][];
      expect(read.map(([name, , shape, hex]) => [name, shape, hex])).toEqual(expected);
      expect(read.find(([name]) => name === 'flags')![1]).toBe('torch.bool');
    }
  }, 120_000);
});

describe.skipIf(torch.status !== 0)(`16-bit floats read in Python (${reason})`, () => {
  it.each(['float16', 'bfloat16'] as const)(
    '%s: the type, and the bits that torch itself rounds to',
    async (type) => {
      const values = Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i * 1.7) * 10 ** ((i % 13) - 8));
      const state: StateDict = new Map<string, HostTensor>([
        ['w', { shape: [40, 100], data: values }],
        ['counter', { shape: [], data: BigInt64Array.of(7n) }],
      ]);
      const [full, pth, safe] = ['full.pth', `${type}.pth`, `${type}.safetensors`].map((f) =>
        join(folder, f),
      ) as [string, string, string];
      await writeTorch(full, state);
      await writeTorch(pth, narrow(state, type));
      await writeSafetensors(safe, narrow(state, type));
      const script = `
import json, sys, struct, torch
full, pth, safe, kind = sys.argv[1:]
dtype = getattr(torch, kind)
expected = torch.load(full, weights_only=True)['w'].to(dtype)
read = torch.load(pth, weights_only=True)
raw = open(safe, 'rb').read()
size = struct.unpack('<Q', raw[:8])[0]
entry = json.loads(raw[8:8 + size])['w']
begin, end = entry['data_offsets']
stored = torch.frombuffer(bytearray(raw[8 + size + begin:8 + size + end]), dtype=dtype).reshape(entry['shape'])
print(read['w'].dtype == dtype, torch.equal(read['w'], expected), torch.equal(stored, expected), entry['dtype'],
      read['counter'].dtype, read['counter'].item())`;
      const out = execFileSync(PYTHON, ['-c', script, full, pth, safe, type], { encoding: 'utf8' }).trim();
      expect(out).toBe(`True True True ${type === 'float16' ? 'F16' : 'BF16'} torch.int64 7`);
      const { tensors } = await openCheckpoint(pth);
      expect(tensors.get('w')).toMatchObject({ type, shape: [40, 100] });
      expect(tensors.get('w')!.data).toEqual((await openCheckpoint(safe)).tensors.get('w')!.data);
    },
    120_000,
  );
});

describe('checksums', () => {
  it('in plain JavaScript equal the platform’s', () => {
    expect(crc32Portable(Buffer.from('123456789'))).toBe(0xcbf43926);
    for (let n = 0; n < 40; n++) {
      const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 37 + n) & 255);
      expect(crc32Portable(bytes), `${n} bytes`).toBe(crc32(bytes));
    }
  });

  it('notice one changed bit of a weight', async () => {
    const path = join(folder, 'damaged.pth');
    await writeTorch(path, new Map([['w', { shape: [100], data: new Float32Array(100) }]]));
    const file = await readFile(path);
    const at = file.indexOf(Buffer.alloc(400));
    expect(at).toBeGreaterThan(0);
    file[at + 7]! ^= 1;
    await writeFile(path, file);
    await expect(readCheckpoint(bufferSource(file, 'damaged.pth'))).rejects.toThrow(
      /checksum does not match.*data\/0/,
    );
  });
});
