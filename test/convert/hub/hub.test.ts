import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { resolveWeights } from '../../../src/convert/hub/resolve-weights.js';
import { SHA } from '../../helpers/fake-hub.js';
import { ADDRESS, closedPort, FAST, failure, noise, REPO, TOKEN, withHub } from './setup.js';

const WEIGHTS = noise(50_000);
const CONFIG = Buffer.from('{"label_names": ["a", "b"]}');

describe('weights from the hub', () => {
  const at = withHub();
  const fill = (files: Record<string, Uint8Array>): void => {
    for (const [name, bytes] of Object.entries(files)) at.hub.files.set(name, bytes);
  };
  const snapshot = (): string => join(at.repoFolder, 'snapshots', SHA);
  const get = (address: string): Promise<string> => resolveWeights(address, FAST);

  it('lie in the shared cache as huggingface_hub lays it out, and are fetched once', async () => {
    fill({
      'config.json': CONFIG,
      'model.safetensors': WEIGHTS,
      'pytorch_model.bin': noise(10),
      'README.md': CONFIG,
    });
    const log = vi.spyOn(console, 'debug');
    expect(await get(ADDRESS)).toBe(snapshot());
    expect(log).not.toHaveBeenCalled();
    expect(readdirSync(snapshot()).sort()).toEqual(['config.json', 'model.safetensors']);
    const sha256 = createHash('sha256').update(WEIGHTS).digest('hex');
    expect(readdirSync(join(at.repoFolder, 'blobs')).sort()).toContain(sha256);
    expect(readFileSync(join(at.repoFolder, 'blobs', sha256)).equals(WEIGHTS)).toBe(true);
    expect(readFileSync(join(at.repoFolder, 'refs', 'main'), 'utf8')).toBe(SHA);
    if (lstatSync(join(snapshot(), 'model.safetensors')).isSymbolicLink())
      expect(readlinkSync(join(snapshot(), 'model.safetensors'))).toBe(join('..', '..', 'blobs', sha256));
    expect(readFileSync(join(snapshot(), 'config.json')).equals(CONFIG)).toBe(true);

    at.hub.hub.requests.length = 0;
    expect(await get(ADDRESS)).toBe(snapshot());
    expect(at.hub.hub.requests).toHaveLength(1);
    expect(at.hub.fetched('model.safetensors')).toHaveLength(1);
  });

  it('that another client of the cache has brought are used as they are', async () => {
    fill({ 'model.safetensors': WEIGHTS });
    const blob = createHash('sha256').update(WEIGHTS).digest('hex');
    mkdirSync(join(at.repoFolder, 'blobs'), { recursive: true });
    writeFileSync(join(at.repoFolder, 'blobs', blob), WEIGHTS);
    // An unfinished file of another client is none of ours.
    writeFileSync(join(at.repoFolder, 'blobs', `${blob}.incomplete`), 'theirs');
    await get(ADDRESS);
    expect(at.hub.fetched('model.safetensors')).toHaveLength(0);
    expect(readFileSync(join(snapshot(), 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(existsSync(join(at.repoFolder, 'blobs', `${blob}.incomplete`))).toBe(true);
  });

  it('are chosen by their form: safetensors, shards, PyTorch, a TF.js model, or the only file there is', async () => {
    const index = Buffer.from(
      JSON.stringify({
        weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
      }),
    );
    const shards = {
      'model-00001-of-00002.safetensors': noise(100),
      'model-00002-of-00002.safetensors': noise(200),
    };
    const bring = async (files: Record<string, Uint8Array>): Promise<string[]> => {
      at.hub.files.clear();
      rmSync(at.repoFolder, { recursive: true, force: true });
      fill(files);
      return readdirSync(await get(ADDRESS)).sort();
    };
    expect(
      await bring({ 'model.safetensors.index.json': index, ...shards, 'pytorch_model.bin': WEIGHTS }),
    ).toEqual([...Object.keys(shards), 'model.safetensors.index.json']);
    expect(await bring({ 'pytorch_model.bin': WEIGHTS, 'config.json': CONFIG })).toEqual([
      'config.json',
      'pytorch_model.bin',
    ]);
    expect(await bring({ 'last.pth': WEIGHTS, 'classes.txt': CONFIG })).toEqual(['classes.txt', 'last.pth']);
    const manifest = Buffer.from(
      JSON.stringify({ weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: [] }] }),
    );
    expect(await bring({ 'model.json': manifest, 'group1-shard1of1.bin': WEIGHTS })).toEqual([
      'group1-shard1of1.bin',
      'model.json',
    ]);
    at.hub.files.delete('group1-shard1of1.bin');
    expect(await failure(get(ADDRESS))).toMatch(/lacks 1 of its 1 files: group1-shard1of1\.bin/);
    await expect(bring({ 'a.pth': WEIGHTS, 'b.pth': WEIGHTS })).rejects.toThrow(
      /several files .*\(a\.pth, b\.pth\): say which, as in hf:.*\/a\.pth/,
    );
    await expect(bring({ 'README.md': CONFIG })).rejects.toThrow(/has no weights: .* found README\.md/);
    const escaping = Buffer.from(JSON.stringify({ weight_map: { a: '../../../evil.safetensors' } }));
    await expect(bring({ 'model.safetensors.index.json': escaping })).rejects.toThrow(/no plain name/);
  });

  it('may be a model exported for another runtime, where one is wanted and there are no weights', async () => {
    const bring = async (...files: string[]): Promise<string[]> => {
      at.hub.files.clear();
      rmSync(at.repoFolder, { recursive: true, force: true });
      for (const file of files) at.hub.files.set(file, CONFIG);
      const folder = await resolveWeights(ADDRESS, { ...FAST, exported: true });
      return (readdirSync(folder, { recursive: true }) as string[])
        .filter((name) => lstatSync(join(folder, name)).isDirectory() === false)
        .map((name) => name.replaceAll('\\', '/'))
        .sort();
    };
    const quantised = ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_int8.onnx'];
    expect(await bring('README.md', 'config.json', ...quantised)).toEqual([
      'config.json',
      ...quantised.slice(0, 2),
    ]);
    const variables = ['variables/variables.data-00000-of-00001', 'variables/variables.index'];
    expect(await bring('saved_model.pb', 'a.onnx', 'variables/../../../../evil', ...variables)).toEqual([
      'saved_model.pb',
      ...variables,
    ]);
    expect(await bring('model.safetensors', 'model.onnx')).toEqual(['model.safetensors']);
    await expect(bring('a.onnx', 'b.onnx')).rejects.toThrow(
      /several ONNX files \(a\.onnx, b\.onnx\): say which/,
    );
    expect(await failure(get(ADDRESS))).toMatch(/has no weights: .* found a\.onnx, b\.onnx/);
  });

  it('may be a file, a folder, a revision, or an address copied from a browser', async () => {
    fill({ 'fused/model.safetensors': noise(100), 'fused/config.json': CONFIG, 'old.pth': WEIGHTS });
    expect(await get(`${ADDRESS}/old.pth`)).toBe(join(snapshot(), 'old.pth'));
    expect(await get(`${ADDRESS}@${SHA}/fused/`)).toBe(join(snapshot(), 'fused'));
    expect(readdirSync(join(snapshot(), 'fused')).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(await get(`${ADDRESS}@refs/pr/1/old.pth`)).toBe(join(snapshot(), 'old.pth'));
    expect(readFileSync(join(at.repoFolder, 'refs', 'refs', 'pr', '1'), 'utf8')).toBe(SHA);
    const page = `${at.hub.hub.url}/${REPO}`;
    for (const way of ['resolve', 'blob', 'raw'])
      expect(await get(`${page}/${way}/main/old.pth?download=true`)).toBe(join(snapshot(), 'old.pth'));
    expect(await get(`${page}/tree/main/fused`)).toBe(join(snapshot(), 'fused'));
    at.hub.hub.requests.length = 0;
    expect(await get(`${ADDRESS}@${SHA}/old.pth`)).toBe(join(snapshot(), 'old.pth'));
    expect(at.hub.hub.requests).toEqual([]);
  });

  it('are taken from the cache offline, and only from there', async () => {
    fill({ 'model.safetensors': WEIGHTS });
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await failure(get(ADDRESS))).toMatch(
      /is not in the cache \(.*\), and nothing may be fetched \(--offline, HF/,
    );
    expect(at.hub.hub.requests).toEqual([]);
    vi.stubEnv('HF_HUB_OFFLINE', '0');
    await get(ADDRESS);
    at.hub.hub.requests.length = 0;
    vi.stubEnv('HF_HUB_OFFLINE', 'ON');
    expect(await get(ADDRESS)).toBe(snapshot());
    expect(await get(`${ADDRESS}/model.safetensors`)).toBe(join(snapshot(), 'model.safetensors'));
    expect(await failure(get(`${ADDRESS}/other.pth`))).toMatch(
      /has no file other\.pth .*it has model\.safetensors/,
    );
    rmSync(join(snapshot(), 'model.safetensors'));
    expect(await failure(get(ADDRESS))).toMatch(/is not in the cache/);
    expect(at.hub.hub.requests).toEqual([]);
  });

  it('come from the cache with a word of it when the hub cannot be reached', async () => {
    fill({ 'model.safetensors': WEIGHTS });
    await get(ADDRESS);
    const port = await closedPort();
    vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${port}`);
    const lines: string[] = [];
    expect(await resolveWeights(ADDRESS, { ...FAST, notice: (line) => lines.push(line) })).toBe(snapshot());
    expect(lines).toEqual([
      `127.0.0.1:${port}: nothing listens there (ECONNREFUSED); taking ${ADDRESS} from the cache`,
    ]);
    rmSync(at.repoFolder, { recursive: true });
    expect(await failure(get(ADDRESS))).toMatch(
      /127\.0\.0\.1:\d+ cannot be reached: .*\. Without a network, download by other means and give the path, or copy the cache/,
    );
    vi.stubEnv('HF_ENDPOINT', 'http://no-such-host.invalid');
    expect(await failure(get(ADDRESS))).toMatch(
      /no-such-host\.invalid cannot be reached: its name is unknown/,
    );
  });

  it('give what is missing by its name: repository, revision, file', async () => {
    fill({ 'model.safetensors': WEIGHTS });
    expect(await failure(get('hf://suous/nothing'))).toMatch(
      /the hub has no repository suous\/nothing that your token may read/,
    );
    expect(await failure(get(`${ADDRESS}@v9`))).toMatch(/has no revision "v9": .* leave @v9 away/);
    expect(await failure(get(`${ADDRESS}/x.pth`))).toMatch(
      /has no file x\.pth at revision main; it has model\.safetensors/,
    );
    vi.stubEnv('HF_TOKEN', '');
    expect(await failure(get('hf://suous/nothing'))).toMatch(
      /no repository suous\/nothing; if it is private, set HF_TOKEN|no repository .*, or it is private \(401\)/,
    );
  });

  it('that are refused say how to give a token', async () => {
    fill({ 'model.safetensors': WEIGHTS });
    at.hub.refuse = { status: 403, code: 'GatedRepo' };
    expect(await failure(get(ADDRESS))).toMatch(
      /is gated, and your token does not open it: accept its conditions at http/,
    );
    at.hub.refuse = { status: 401 };
    expect(await failure(get(ADDRESS))).toMatch(/refuses your token \(401\)/);
    vi.stubEnv('HF_TOKEN', '');
    expect(await failure(get(ADDRESS))).toMatch(
      /check the name, or set HF_TOKEN to a token from http.*\/settings\/tokens/,
    );
    at.hub.refuse = { status: 401, code: 'GatedRepo' };
    expect(await failure(get(ADDRESS))).toMatch(/is gated: accept its conditions at .* and set HF_TOKEN/);
    at.hub.refuse = { status: 500 };
    expect(await failure(get(ADDRESS))).toMatch(/failed again and again: it answers 500/);
    expect(at.hub.hub.requests.slice(-4).every(({ path }) => path.startsWith('/api/models'))).toBe(true);
  });

  it('send the token to the hub and to nobody else, from wherever it is kept', async () => {
    fill({ 'config.json': CONFIG, 'model.safetensors': WEIGHTS });
    await get(ADDRESS);
    expect(at.hub.hub.requests.length).toBeGreaterThan(2);
    for (const { headers } of at.hub.hub.requests) expect(headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(at.hub.cdn.requests.length).toBeGreaterThan(0);
    for (const { headers } of at.hub.cdn.requests) expect(JSON.stringify(headers)).not.toContain(TOKEN);

    const sent = async (): Promise<string | undefined> => {
      await get(ADDRESS);
      return at.hub.hub.requests.at(-1)?.headers.authorization;
    };
    vi.stubEnv('HF_TOKEN', undefined);
    expect(await sent()).toBeUndefined();
    mkdirSync(join(at.folder, 'home'));
    writeFileSync(join(at.folder, 'home', 'token'), 'hf_file\n');
    expect(await sent()).toBe('Bearer hf_file');
    vi.stubEnv('HUGGING_FACE_HUB_TOKEN', 'a_token_of_a_mirror');
    expect(await sent()).toBe('Bearer a_token_of_a_mirror');
    vi.stubEnv('HF_HUB_DISABLE_IMPLICIT_TOKEN', '1');
    expect(await sent()).toBeUndefined();
    vi.stubEnv('HF_HUB_DISABLE_IMPLICIT_TOKEN', '');
    vi.stubEnv('HF_TOKEN', `${TOKEN} and more`);
    expect(await failure(get(ADDRESS))).toMatch(/^HF_TOKEN holds no token/);
  });

  it('refuse a hub that is none', async () => {
    at.hub.hub.hook = (_, response) => {
      response.end('<html>please log in</html>');
      return true;
    };
    expect(await failure(get(ADDRESS))).toMatch(/something else than JSON: check HF_ENDPOINT/);
    vi.stubEnv('HF_ENDPOINT', 'huggingface.co');
    expect(await failure(get(ADDRESS))).toMatch(/HF_ENDPOINT is no address of a hub/);
  });
});
