import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openCheckpoint } from '../../../src/convert/files.js';
import { resolveWeights } from '../../../src/convert/hub/resolve-weights.js';
import { encodeSafetensors } from '../../../src/convert/write/safetensors.js';
import { runCli } from '../../cli/helpers/run-cli.js';
import { FileServer } from '../../helpers/file-server.js';
import { FAST, failure, withHub } from './setup.js';

const shard = (name: string, value: number): Buffer =>
  Buffer.concat([
    ...encodeSafetensors(new Map([[name, { shape: [1], data: Float32Array.of(value) }]])).chunks(),
  ]);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('lists of weight files on the web', () => {
  withHub();
  let server: FileServer;
  beforeEach(async () => {
    server = await new FileServer().start();
    server.files.set(
      '/m/model.safetensors.index.json',
      json({ weight_map: { a: 'one.safetensors', b: 'two 2.safetensors' } }),
    );
    server.files.set('/m/one.safetensors', shard('a', 1));
    server.files.set('/m/two 2.safetensors', shard('b', 2));
  });
  afterEach(() => server.stop());
  const get = (file: string): Promise<string> => resolveWeights(`${server.url}/m/${file}`, FAST);
  const values = async (path: string): Promise<number[]> =>
    [...(await openCheckpoint(path)).tensors.values()].map(({ data }) => Number(data[0]));

  it('bring an index of shards and the shards', async () => {
    const path = await get('model.safetensors.index.json');
    expect(await values(path)).toEqual([1, 2]);
    const asked = server.requests.length;
    expect(await get('model.safetensors.index.json')).toBe(path);
    // What is there is only asked about.
    expect(server.bodies('/m/one.safetensors')).toHaveLength(1);
    expect(server.requests.length).toBeGreaterThan(asked);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await values(await get('model.safetensors.index.json'))).toEqual([1, 2]);
  });

  it('bring a shard that changed, and ask for all with the query of the list', async () => {
    await get('model.safetensors.index.json?key=1');
    server.files.set('/m/one.safetensors', shard('a', 7));
    const path = await get('model.safetensors.index.json?key=1');
    expect(await values(path)).toEqual([7, 2]);
    expect(readdirSync(dirname(path)).sort()).toEqual([
      'model.safetensors.index.json',
      'one.safetensors',
      'two 2.safetensors',
    ]);
  });

  it('bring a model.json and its weights', async () => {
    server.files.set(
      '/m/model.json',
      json({
        format: 'layers-model',
        weightsManifest: [{ paths: ['w.bin'], weights: [{ name: 'x', shape: [2], dtype: 'float32' }] }],
      }),
    );
    server.files.set('/m/w.bin', Buffer.from(Float32Array.of(3, 4).buffer));
    const path = await get('model.json');
    expect(basename(path)).toBe('model.json');
    expect((await openCheckpoint(path)).tensors.get('x')!.data).toEqual(Float32Array.of(3, 4));
  });

  it('say which of their files is missing, and refuse names that lead elsewhere', async () => {
    server.files.delete('/m/one.safetensors');
    expect(await failure(get('model.safetensors.index.json'))).toMatch(
      /\/m\/one\.safetensors: there is no such file on the server \(404\)/,
    );
    server.files.set('/m/model.safetensors.index.json', json({ weight_map: { a: '../x' } }));
    expect(await failure(get('model.safetensors.index.json'))).toMatch(/"\.\.\/x", which is no plain name/);
  });

  it('are not guessed: a folder is refused', async () => {
    expect(await failure(get(''))).toMatch(
      /\/m\/ is a folder, .*name the file, as in http.*\/m\/model\.safetensors/,
    );
    expect(server.requests).toHaveLength(0);
  });

  it('are not fetched with --offline, on the command line', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', undefined);
    const out = join(dirname(await get('one.safetensors')), 'out');
    const address = `${server.url}/m/two%202.safetensors`;
    const asked = server.requests.length;
    const { code, stderr } = await runCli('convert', address, '-o', out, '--no-verify', '--offline');
    expect(stderr).toMatch(/is not in the cache .* nothing may be fetched \(--offline/);
    expect(code).toBe(1);
    expect(server.requests).toHaveLength(asked);
    expect(readFileSync(await get('one.safetensors')).length).toBeGreaterThan(0);
  });
});
