import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { convertCheckpoint } from '../../src/convert/convert.js';
import { writeSafetensors } from '../../src/convert/files.js';
import { buildModel } from '../../src/models/index.js';
import { describeBackends } from '../helpers/backends.js';
import { FakeHub } from '../helpers/fake-hub.js';
import { colorFolders } from './helpers/color-folders.js';
import { runCli, type CliRun } from './helpers/run-cli.js';

const ADDRESS = 'hf://suous/recnext_m0.base_300e_in1k';

describeBackends(['wasm'], 'weights that are not on this machine', (backend) => {
  let dir: string;
  let data: string;
  let image: string;
  let files: [string, Uint8Array][];
  let hub: FakeHub;
  const path = (name: string): string => join(dir, name);
  const run = async (...args: (string | number)[]): Promise<CliRun> => {
    const result = await runCli(...args, '--backend', backend, '--json');
    expect(result.stdout + result.stderr).not.toContain('hf_secret');
    return result;
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-remote-'));
    data = await colorFolders(path('data'), { train: 4, val: 1 });
    image = join(data, 'val/red/0.png');
    const model = buildModel('recnext_m0', { embedDim: [4, 8, 16, 32], depth: [1, 1, 1, 1], numClasses: 3 });
    await writeSafetensors(path('tiny.safetensors'), model.stateDict());
    model.dispose();
    await convertCheckpoint({
      weights: path('tiny.safetensors'),
      output: path('folder'),
      to: 'safetensors',
      imgSize: 16,
      classNames: ['blue', 'green', 'red'],
    });
    files = ['config.json', 'model.safetensors'].map((name) => [
      name,
      readFileSync(join(path('folder'), name)),
    ]);
  });
  afterAll(() => rm(dir, { recursive: true }));
  beforeEach(async () => {
    hub = new FakeHub(ADDRESS.slice('hf://'.length));
    files.forEach(([name, bytes]) => hub.files.set(name, bytes));
    vi.stubEnv('HF_ENDPOINT', await hub.start());
    vi.stubEnv('HF_HUB_CACHE', path('cache'));
    vi.stubEnv('HF_HUB_OFFLINE', '');
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    vi.stubEnv('RECNEXT_CACHE', path('own'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await hub.stop();
    for (const name of ['cache', 'own']) rmSync(path(name), { recursive: true, force: true });
  });

  it('are fetched by convert and verify, once, with a line of what comes; stdout has the result alone', async () => {
    const converted = await run('convert', ADDRESS, '--to', 'safetensors', '-o', path('out'));
    expect(converted.code, converted.stderr).toBe(0);
    expect(converted.stderr).toMatch(
      /fetching suous\/recnext_m0\.base_300e_in1k\/model\.safetensors \(0\.\d MB\)\n/,
    );
    expect(JSON.parse(converted.stdout)).toMatchObject({ model: 'recnext_m0', numClasses: 3 });
    expect(readFileSync(join(path('out'), 'model.safetensors')).equals(Buffer.from(files[1]![1]))).toBe(true);
    expect(readFileSync(join(path('out'), 'classes.txt'), 'utf8')).toBe('blue\ngreen\nred\n');
    const verified = await run('verify', '--weights', ADDRESS);
    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stderr).not.toContain('fetching');
    expect(hub.fetched('model.safetensors')).toHaveLength(1);
  });

  it('are the published ones with --pretrained, for predict and eval, with their classes and image size', async () => {
    const predicted = await run('predict', image, '--model', 'recnext_m0', '--pretrained');
    expect(predicted.code, predicted.stderr).toBe(0);
    const { top } = JSON.parse(predicted.stdout) as { top: { label: string }[] };
    expect(top.map(({ label }) => label).sort()).toEqual(['blue', 'green', 'red']);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const scored = await run('eval', '--data', data, '--model', 'recnext_m0.base_300e_in1k', '--pretrained');
    expect(scored.code, scored.stderr).toBe(0);
    expect(JSON.parse(scored.stdout)).toMatchObject({
      model: 'recnext_m0',
      images: 3,
      pipeline: { inputSize: 16 },
    });
    const tagged = await run('predict', image, '--model', 'recnext_m0.dist_300e_in1k', '--pretrained');
    expect([tagged.code, tagged.stderr]).toEqual([
      1,
      expect.stringMatching(/hf:\/\/suous\/recnext_m0\.dist_300e_in1k is not in the cache/),
    ]);
  });

  it('come from the web as well, and what keeps them away is one line', async () => {
    hub.cdn.files.set('/tiny.safetensors', files[1]![1]);
    const found = await run('predict', image, '--weights', `${hub.cdn.url}/tiny.safetensors?key=hf_secret`);
    expect(found.code, found.stderr).toBe(0);
    const none = await run('predict', image, '--quiet', '--weights', `${hub.cdn.url}/none.pth?key=hf_secret`);
    expect(none).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: ${hub.cdn.url}/none.pth: there is no such file on the server (404): check the address\n`,
    });
    const other = await run('predict', image, '--weights', 'hf://suous/nothing', '--quiet');
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(
      /^error: hf:\/\/suous\/nothing: the hub has no repository suous\/nothing that your token may read\n$/,
    );
  });

  it('serve train as a start and as a teacher', async () => {
    const result = await run(
      'train', '--model', 'recnext_m0', '--data', data, '--finetune', ADDRESS, '--teacher-path', ADDRESS, '--input-size', 16,
      '--batch-size', 4, '--epochs', 1, '--warmup-epochs', 0, '-o', path('run'),
    ); // prettier-ignore
    expect(result.code, result.stderr).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ epochs: 1, steps: 3 });
    expect(hub.fetched('model.safetensors')).toHaveLength(1);
  });
});
