import * as tf from '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HostModel } from '../../../src/convert/layers-model.js';
import { builtFrom } from '../../../src/convert/load-weights.js';
import { runExport, type Images, type RunnableTarget } from '../../../src/convert/run-export.js';
import { VARIANTS } from '../../../src/models/variants.js';
import { describeBackends } from '../../helpers/backends.js';
import { hostRecNext, someImages, writeExport } from '../../helpers/exports.js';
import { maxAbs, maxAbsDiff } from '../../helpers/models.js';

/** Neither square nor a power of two: odd sizes and all orders of axes come up. */
const [HEIGHT, WIDTH] = [64, 96];
/** Of the largest logit. */
const TOLERANCE = 2e-5;

async function eagerLogits(host: HostModel, { data, shape }: Images): Promise<Float32Array> {
  const model = builtFrom(host);
  const logits = tf.tidy(() => model.forward(tf.tensor4d(data, [...shape])));
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  model.dispose();
  return values;
}

/** Largest difference of each export from eager TF.js, of the largest logit. */
async function differences(
  host: HostModel,
  targets: readonly RunnableTarget[],
): Promise<Partial<Record<RunnableTarget, number>>> {
  // The batch is open: not the one anything was traced at.
  const images = someImages(3, HEIGHT, WIDTH);
  const expected = await eagerLogits(host, images);
  const found: Partial<Record<RunnableTarget, number>> = {};
  for (const to of targets) {
    const folder = await mkdtemp(join(tmpdir(), 'recnext-export-'));
    try {
      await writeExport(folder, host, to);
      const logits = await runExport(folder, to, images);
      expect(logits.length).toBe(expected.length);
      found[to] = maxAbsDiff(expected, logits) / maxAbs(expected);
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  return found;
}

const options = { imgSize: [HEIGHT, WIDTH], numClasses: 20 } as const;

describeBackends(['node'], 'exports agree with eager TF.js', () => {
  let tensors: number;
  beforeAll(() => {
    tensors = tf.memory().numTensors;
  });
  afterAll(() => {
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each(VARIANTS.map(({ name }) => name))('%s, fused', async (name) => {
    const found = await differences(hostRecNext(name, { ...options, fuse: 'full' }), [
      'graph',
      'savedmodel',
      'onnx',
    ]);
    for (const [to, difference] of Object.entries(found)) expect(difference, to).toBeLessThan(TOLERANCE);
  });

  it.each(['recnext_m0', 'recnext_a0'])('%s as the reference fuses it, batch norms left', async (name) => {
    const found = await differences(hostRecNext(name, { ...options, fuse: 'reference' }), [
      'graph',
      'savedmodel',
      'onnx',
    ]);
    for (const [to, difference] of Object.entries(found)) expect(difference, to).toBeLessThan(TOLERANCE);
  });
});

describeBackends(['wasm', 'cpu'], 'a GraphModel agrees with eager TF.js', () => {
  it.each(['recnext_m0', 'recnext_a0', 'recnext_t'])('%s', async (name) => {
    const { graph } = await differences(hostRecNext(name, { ...options, fuse: 'full' }), ['graph']);
    expect(graph).toBeLessThan(TOLERANCE);
  });
});
