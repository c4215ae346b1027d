import * as tf from '@tensorflow/tfjs';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createModel } from '../../../src/convert/create-model.js';
import { writeSafetensors } from '../../../src/convert/files.js';
import { fetchFromHub } from '../../../src/convert/hub/fetch-weights.js';
import { parseHubSpec, pretrainedSource } from '../../../src/convert/hub/hub-spec.js';
import { loadModel } from '../../../src/convert/load-weights.js';
import { buildModel } from '../../../src/models/index.js';
import { selectBackend } from '../../../src/runtime/backend.js';
import { FakeHub, SHA } from '../../helpers/fake-hub.js';

const TINY = { embedDim: [4, 8, 16, 32], depth: [1, 1, 1, 1], numClasses: 5 };

let hub: FakeHub;
let folder: string;
beforeAll(async () => {
  await selectBackend('cpu');
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recnext-hub-'));
  hub = new FakeHub('suous/recnext_m0.base_300e_in1k');
  vi.stubEnv('HF_ENDPOINT', await hub.start());
  vi.stubEnv('HF_HUB_CACHE', join(folder, 'cache'));
  vi.stubEnv('HF_HOME', join(folder, 'home'));
  vi.stubEnv('HF_TOKEN', 'hf_secret');
  const model = buildModel('recnext_m0', TINY);
  const path = join(folder, 'model.safetensors');
  await writeSafetensors(path, model.stateDict());
  model.dispose();
  hub.files.set('model.safetensors', readFileSync(path));
  hub.files.set('config.json', Buffer.from(JSON.stringify({ label_names: ['a', 'b', 'c', 'd', 'e'] })));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => {
  tf.disposeVariables();
});

describe('weights from the hub', () => {
  const address = 'hf://suous/recnext_m0.base_300e_in1k';

  it('are fetched once, into the shared cache, and load with their class names', async () => {
    const notices: string[] = [];
    const log = vi.spyOn(console, 'debug').mockImplementation(() => undefined);
    const { model, classNames } = await loadModel({ weights: address, notice: (line) => notices.push(line) });
    expect(log).not.toHaveBeenCalled();
    log.mockRestore();
    expect(model.name).toBe('recnext_m0');
    expect(classNames).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(notices.join('\n')).toMatch(/config\.json.*\n.*model\.safetensors \(0\.\d MB\)/);
    expect(hub.requests.every(({ token }) => token === 'Bearer hf_secret')).toBe(true);
    const snapshot = join(folder, 'cache', 'models--suous--recnext_m0.base_300e_in1k', 'snapshots', SHA);
    expect(existsSync(join(snapshot, 'model.safetensors'))).toBe(true);
    const before = hub.requests.filter(({ path }) => path.includes('/resolve/')).length;
    expect(await fetchFromHub(address)).toBe(snapshot);
    expect(hub.requests.filter(({ path }) => path.includes('/resolve/'))).toHaveLength(before);
  });

  it('are taken from the cache offline, and only from there', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expect(fetchFromHub(address)).rejects.toThrow(/is not in the cache .*HF_HUB_OFFLINE forbids/);
    expect(hub.requests).toEqual([]);
    vi.stubEnv('HF_HUB_OFFLINE', '0');
    const there = await fetchFromHub(address);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const count = hub.requests.length;
    expect(await fetchFromHub(address)).toBe(there);
    expect(hub.requests).toHaveLength(count);
  });

  it('say what is wrong in one line, without the token', async () => {
    const message = async (spec: string): Promise<string> => {
      const error = await fetchFromHub(spec).then(
        () => new Error('it was fetched'),
        (reason: unknown) => reason as Error,
      );
      expect(error.message).not.toContain('hf_secret');
      expect(error.message).not.toContain('\n');
      return error.message;
    };
    expect(await message(`${address}/other.bin`)).toMatch(/has no other\.bin; name the file/);
    expect(await message('hf://suous/nothing')).toMatch(/the hub has no suous\/nothing at revision main/);
    hub.status = 401;
    expect(await message(address)).toMatch(/refuses access \(401\); set HF_TOKEN/);
    hub.status = 500;
    expect(await message(address)).toMatch(/the hub answers 500; try again later/);
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    expect(await message(address)).toMatch(/cannot be reached \(.*\)\. Download the file by other means/);
  });

  it('are found by the name of the model, its tag first', () => {
    expect(pretrainedSource('recnext_m3')).toBe('hf://suous/recnext_m3.base_300e_in1k');
    expect(pretrainedSource('recnext_m3', true)).toBe('hf://suous/recnext_m3.dist_300e_in1k');
    expect(pretrainedSource('recnext_m3.dist_300e_in1k')).toBe('hf://suous/recnext_m3.dist_300e_in1k');
    expect(pretrainedSource('regnety_160')).toBe('hf://timm/regnety_160.deit_in1k');
    expect(parseHubSpec('hf://a/b@v1/sub/c.pth')).toEqual({ repo: 'a/b', revision: 'v1', file: 'sub/c.pth' });
    expect(() => parseHubSpec('hf://a')).toThrow(/expected hf:\/\/owner\/repo/);
    expect(() => parseHubSpec('hf://a/b/../c')).toThrow(/no address on the hub/);
  });
});

describe('createModel', () => {
  it('builds with pretrained weights, another head, other channels, or as a feature extractor', async () => {
    // The repository holds the published name with a tiny model in it: widths come from the weights.
    const x = tf.randomNormal<tf.Rank.R4>([1, 32, 32, 3], 0, 1, 'float32', 1);
    const model = await createModel('recnext_m0', { pretrained: true });
    expect(model.forward(x).shape).toEqual([1, 5]);
    const other = await createModel('recnext_m0', { pretrained: true, numClasses: 3, inChans: 1 });
    expect(other.forward(tf.mean<tf.Tensor4D>(x, 3, true)).shape).toEqual([1, 3]);
    const backbone = await createModel('recnext_m0', {
      pretrained: true,
      featuresOnly: true,
      outIndices: [0, -1],
    });
    expect(backbone.forward(x).map(({ shape }) => shape)).toEqual([
      [1, 8, 8, 4],
      [1, 1, 1, 32],
    ]);
    await expect(createModel('recnext_m0', { pretrained: true, embedDim: [4, 8, 16, 32] })).rejects.toThrow(
      /no published weights/,
    );
    await expect(createModel('recnext_m0', { outIndices: [1] })).rejects.toThrow(/goes with featuresOnly/);
  });
});
