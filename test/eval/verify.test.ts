import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs';
import { writeSafetensors } from '../../src/convert/files.js';
import { verifyAgainstReference } from '../../src/eval/verify/against-reference.js';
import { difference, worst } from '../../src/eval/verify/compare.js';
import { verifyCheckpoint } from '../../src/eval/verify/verify.js';
import { RecNext } from '../../src/models/index.js';
import { resolveRecNext } from '../../src/models/recnext-config.js';
import { describeBackends } from '../helpers/backends.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'recnext-verify-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('names the layer nearest to its limit, and takes NaN for a difference', () => {
  const rows = [
    difference('stem', [1, 2], [1, 2.00001], 2),
    difference('logits', [1, 2], [1, 2.000009], 2),
    difference('stages.0', [1], [1], 1),
  ];
  expect(worst(rows).layer).toBe('logits');
  expect(difference('stem', [1, NaN], [1, 2], 2).maxAbsDiff).toBe(Infinity);
  expect(difference('stem', [1], [1, 2], 2).maxAbsDiff).toBe(Infinity);
  expect(difference('stem', [0], [0], 0).relative).toBe(0);
});

describeBackends(['node', 'wasm'], 'verify', (backend) => {
  it('passes a sound checkpoint and names every layer', async () => {
    const config = resolveRecNext('recnext_t', {
      embedDim: [8, 16, 24, 32],
      depth: [0, 1, 2, 2],
      numClasses: 10,
    });
    const model = new RecNext(config);
    const weights = join(folder, `${backend}.safetensors`);
    await writeSafetensors(weights, model.stateDict());
    model.dispose();
    const before = tf.memory().numTensors;
    const result = await verifyCheckpoint({ weights });
    expect(result).toMatchObject({ model: 'recnext_t', passed: true });
    expect(result.checks.map(({ name }) => name)).toEqual(['reference', 'backend', 'fused']);
    expect(result.checks[0]!.layers.map(({ layer }) => layer)).toEqual([
      'stem',
      'stages.0',
      'stages.1',
      'stages.2',
      'stages.3',
      'logits',
    ]);
    expect(result.checks[1]!.layers.map(({ layer }) => layer)).toContain(
      'stages.2.blocks.1.token_mixer.attn.down.1.qk',
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('fails when the computation is off, and names where it begins', () => {
    // Batch norms a thousandth too large where there are more than 80 channels: from the second stage on.
    const kernels = tf.getKernelsForBackend(tf.getBackend());
    const norm = kernels.find(({ kernelName }) => kernelName === 'FusedBatchNorm')!;
    tf.unregisterKernel(norm.kernelName, norm.backendName);
    tf.registerKernel({
      ...norm,
      kernelFunc: (params) => {
        const out = tf.engine().makeTensorFromTensorInfo(norm.kernelFunc(params) as tf.TensorInfo);
        return out.shape.at(-1)! <= 80 ? out : tf.mul(out, 1.001);
      },
    });
    try {
      const rows = verifyAgainstReference('recnext_m0');
      const beyond = rows.filter(({ relative, limit }) => relative > limit).map(({ layer }) => layer);
      expect(beyond).toEqual(['stages.1', 'stages.2', 'stages.3', 'logits']);
    } finally {
      tf.unregisterKernel(norm.kernelName, norm.backendName);
      tf.registerKernel(norm);
    }
  });
});
