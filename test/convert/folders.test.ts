import { describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/convert/checkpoint.js';
import { CheckpointError, type CheckpointErrorKind } from '../../src/convert/checkpoint-error.js';
import { bufferSource, sourceFolder, type SourceFolder } from '../../src/convert/source/byte-source.js';
import { encodeSafetensors } from '../../src/convert/write/safetensors.js';
import type { HostTensor, StateDict } from '../../src/models/state-dict.js';

const tensor = (...values: number[]): HostTensor => ({
  shape: [values.length],
  data: Float32Array.from(values),
});
const safetensors = (tensors: StateDict): Uint8Array =>
  new Uint8Array(Buffer.concat([...encodeSafetensors(tensors).chunks()]));
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const folder = (files: Record<string, Uint8Array>): SourceFolder =>
  sourceFolder(
    'model',
    Object.entries(files).map(([name, bytes]) => [name, bufferSource(bytes, `model/${name}`)]),
  );

async function refused(
  files: Record<string, Uint8Array>,
  kind: CheckpointErrorKind,
  message: RegExp,
): Promise<void> {
  const error: unknown = await readCheckpoint(folder(files)).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(CheckpointError);
  expect((error as CheckpointError).message).toMatch(message);
  expect((error as CheckpointError).kind).toBe(kind);
}

describe('a folder with one set of weights', () => {
  const weights = safetensors(new Map([['w', tensor(1, 2)]]));

  it('timm style: config.json comes along', async () => {
    const read = await readCheckpoint(
      folder({ 'config.json': json({ num_classes: 10 }), 'model.safetensors': weights }),
    );
    expect(read.config).toEqual({ num_classes: 10 });
    expect(read.notes).toEqual(['read from model.safetensors']);
  });

  it('any one weight file is taken; of several, none', async () => {
    expect(
      (await readCheckpoint(folder({ 'last.safetensors': weights, 'log.txt': json(0) }))).tensors.size,
    ).toBe(1);
    await refused(
      { 'a.pth': weights, 'b.pth': weights },
      'directory',
      /several weight files \(a\.pth, b\.pth\): say which/,
    );
    await refused({ 'log.txt': json(0) }, 'directory', /without a checkpoint.*it has log\.txt/);
  });
});

describe('sharded checkpoints', () => {
  const a = safetensors(
    new Map([
      ['module.a', tensor(1)],
      ['module.c', tensor(3)],
    ]),
  );
  const b = safetensors(new Map([['module.b', tensor(2)]]));
  const index = (map: Record<string, unknown>): Uint8Array => json({ weight_map: map });
  const whole = { 'module.a': '1.safetensors', 'module.b': '2.safetensors', 'module.c': '1.safetensors' };
  const name = 'model.safetensors.index.json';

  it('are put together in the order of the index, without prefixes', async () => {
    const { tensors, notes } = await readCheckpoint(
      folder({ [name]: index(whole), '1.safetensors': a, '2.safetensors': b }),
    );
    expect([...tensors].map(([key, { data }]) => [key, data[0]])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    expect(notes.join()).toMatch(/2 shards.*prefix "module\."/);
  });

  it.each<[string, Record<string, Uint8Array>, CheckpointErrorKind, RegExp]>([
    [
      'a missing shard',
      { [name]: index(whole), '1.safetensors': a },
      'missing',
      /1 of its 2 weight files are not beside it: 2\.safetensors/,
    ],
    [
      'a shard outside the folder',
      { [name]: index({ a: '../1.safetensors' }) },
      'unsafe-name',
      /no plain name/,
    ],
    [
      'a shard with a URL for a name',
      { [name]: index({ a: 'https://example.org/1' }) },
      'unsafe-name',
      /no plain name/,
    ],
    [
      'a shard that lacks a tensor',
      { [name]: index({ ...whole, 'module.d': '2.safetensors' }), '1.safetensors': a, '2.safetensors': b },
      'corrupt',
      /2\.safetensors: lacks module\.d/,
    ],
    [
      'a tensor no one lists',
      { [name]: index({ 'module.a': '1.safetensors' }), '1.safetensors': a },
      'corrupt',
      /holds module\.c, which the index does not list/,
    ],
    ['an index of nothing', { [name]: index({}) }, 'corrupt', /without a weight_map/],
    ['a file name that is no text', { [name]: index({ a: 7 }) }, 'corrupt', /without a name/],
  ])('%s is refused', async (_, files, kind, message) => {
    await refused(files, kind, message);
  });
});

describe('TF.js layers models', () => {
  const model = (groups: unknown, more: object = {}): Uint8Array =>
    json({ format: 'layers-model', modelTopology: {}, weightsManifest: groups, ...more });
  const floats = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const bytes = Uint8Array.of(0, 128, 255);

  it('weights are cut out of the shards of their group, whatever its boundaries', async () => {
    const weights = [
      { name: 'a/kernel', shape: [2], dtype: 'float32' },
      { name: 'b', shape: [1], dtype: 'float32' },
    ];
    const file = model([
      { paths: ['1.bin', '2.bin'], weights },
      {
        paths: ['3.bin'],
        weights: [
          { name: 'n', shape: [], dtype: 'int32' },
          { name: 'f', shape: [1], dtype: 'bool' },
        ],
      },
    ]);
    const { tensors, format } = await readCheckpoint(
      folder({
        'model.json': file,
        '1.bin': floats.slice(0, 5),
        '2.bin': floats.slice(5),
        '3.bin': Uint8Array.of(7, 0, 0, 0, 1),
      }),
    );
    expect(format).toBe('tfjs-layers');
    expect([...tensors].map(([name, { data }]) => [name, [...data]])).toEqual([
      ['a/kernel', [1, 2]],
      ['b', [3]],
      ['n', [7]],
      ['f', [1]],
    ]);
  });

  it('quantised weights are decoded as TF.js does', async () => {
    const half = Uint16Array.of(0x3c00, 0xc000, 0x0001);
    const groups = [
      {
        paths: ['1.bin'],
        weights: [
          { name: 'u8', shape: [3], dtype: 'float32', quantization: { dtype: 'uint8', scale: 0.1, min: -1 } },
          { name: 'f16', shape: [3], dtype: 'float32', quantization: { dtype: 'float16' } },
          { name: 'i', shape: [1], dtype: 'int32', quantization: { dtype: 'uint8', scale: 2.5, min: 0 } },
        ],
      },
    ];
    const shard = new Uint8Array(Buffer.concat([bytes, new Uint8Array(half.buffer), Uint8Array.of(3)]));
    const { tensors } = await readCheckpoint(folder({ 'model.json': model(groups), '1.bin': shard }));
    expect(tensors.get('u8')!.data).toEqual(Float32Array.of(-1, 128 * 0.1 - 1, 255 * 0.1 - 1));
    expect(tensors.get('f16')!.data).toEqual(Float32Array.of(1, -2, 2 ** -24));
    expect(tensors.get('i')!.data).toEqual(Int32Array.of(8));
  });

  const w = (more: object = {}): object => ({ name: 'w', shape: [3], dtype: 'float32', ...more });
  it.each<[string, unknown, object, CheckpointErrorKind, RegExp]>([
    ['a graph model', [{ paths: [], weights: [] }], { format: 'graph-model' }, 'unsupported', /graph model/],
    ['no manifest', undefined, {}, 'corrupt', /without a weights manifest/],
    ['a path that climbs out', [{ paths: ['../1.bin'], weights: [] }], {}, 'unsafe-name', /no plain name/],
    [
      'a missing shard',
      [{ paths: ['1.bin', '9.bin'], weights: [w()] }],
      {},
      'missing',
      /1 of its 2 weight files .* 9\.bin/,
    ],
    [
      'a shard listed twice',
      [{ paths: ['1.bin', '1.bin'], weights: [w()] }],
      {},
      'corrupt',
      /lists a weight file twice/,
    ],
    [
      'too few bytes',
      [{ paths: ['1.bin'], weights: [w({ shape: [4] })] }],
      {},
      'truncated',
      /take 16 bytes; the files have 12/,
    ],
    [
      'too many bytes',
      [{ paths: ['1.bin'], weights: [w({ shape: [2] })] }],
      {},
      'corrupt',
      /take 8 bytes; the files have 12/,
    ],
    [
      'an impossible shape',
      [{ paths: ['1.bin'], weights: [w({ shape: [2 ** 40, 2 ** 40] })] }],
      {},
      'corrupt',
      /impossible shape/,
    ],
    ['text', [{ paths: ['1.bin'], weights: [w({ dtype: 'string' })] }], {}, 'unsupported', /of type string/],
    [
      'a weight listed twice',
      [{ paths: ['1.bin'], weights: [w({ shape: [1] }), w({ shape: [2] })] }],
      {},
      'corrupt',
      /: w: listed twice/,
    ],
    [
      'an unknown quantisation',
      [{ paths: ['1.bin'], weights: [w({ quantization: { dtype: 'int4' } })] }],
      {},
      'unsupported',
      /"int4"/,
    ],
    [
      'a quantisation without scale',
      [{ paths: ['1.bin'], weights: [w({ shape: [12], quantization: { dtype: 'uint8' } })] }],
      {},
      'corrupt',
      /impossible quantisation/,
    ],
  ])('%s is refused', async (_, groups, more, kind, message) => {
    await refused({ 'model.json': model(groups, more), '1.bin': floats }, kind, message);
  });
});
