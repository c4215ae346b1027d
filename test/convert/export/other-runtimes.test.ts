import * as tf from '@tensorflow/tfjs';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/convert/files.js';
import type { HostModel } from '../../../src/convert/layers-model.js';
import { builtFrom } from '../../../src/convert/load-weights.js';
import type { Images } from '../../../src/convert/run-export.js';
import type { GraphTarget } from '../../../src/convert/targets.js';
import { widen } from '../../../src/convert/tensor-type.js';
import { halfPrecision } from '../../../src/convert/write/half-precision.js';
import type { HostTensor } from '../../../src/models/state-dict.js';
import { selectBackend } from '../../../src/runtime/backend.js';
import { loadNodeBackend } from '../../../src/runtime/node-backend.js';
import { describeBackends } from '../../helpers/backends.js';
import { hostRecNext, someImages, writeExport } from '../../helpers/exports.js';
import { maxAbs, maxAbsDiff } from '../../helpers/models.js';

/** A Python with onnx, coremltools and TensorFlow. */
const PYTHON = process.env.RECNEXT_EXPORT_PYTHON;
const NO_PYTHON = 'RECNEXT_EXPORT_PYTHON names no Python with onnx, coremltools and tensorflow-cpu';
if (PYTHON === undefined && process.env.CI) throw new Error(`CI needs it: ${NO_PYTHON}`);

const [HEIGHT, WIDTH] = [64, 96];
const TOLERANCE = 2e-5;
const options = { imgSize: [HEIGHT, WIDTH], numClasses: 12, fuse: 'full' } as const;
const CLASSES = Array.from({ length: 12 }, (_, i) => `class ${i}`);

async function python<T>(script: string, ...args: readonly string[]): Promise<T> {
  const path = fileURLToPath(new URL(`python/${script}`, import.meta.url));
  const { stdout } = await promisify(execFile)(PYTHON!, [path, ...args], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as T;
}

function eagerLogits(host: HostModel, { data, shape }: Images): Float32Array {
  const model = builtFrom(host);
  const logits = tf.tidy(() => model.forward(tf.tensor4d(data, [...shape])).dataSync<'float32'>());
  model.dispose();
  return logits;
}

/** The same model, every vector and matrix of its weights rounded to float16. */
function rounded(host: HostModel): HostModel {
  const round = (name: string, { shape, data }: HostTensor): HostTensor => {
    if (!(data instanceof Float32Array)) return { shape, data };
    return { shape, data: widen(halfPrecision(name, data, 'float16'), 'float16') };
  };
  return { ...host, state: new Map([...host.state].map(([name, value]) => [name, round(name, value)])) };
}

const channelsFirst = ({ data, shape }: Images): Float32Array =>
  tf.tidy(() => tf.transpose(tf.tensor4d(data, [...shape]), [0, 3, 1, 2]).dataSync<'float32'>());

describe('exports in other runtimes', () => {
  let root: string;
  beforeAll(async () => {
    await selectBackend('cpu');
    root = await mkdtemp(join(tmpdir(), 'recnext-runtimes-'));
  });
  afterAll(() => rm(root, { recursive: true }));

  async function exported(
    host: HostModel,
    to: GraphTarget,
    extra: Parameters<typeof writeExport>[3] = {},
  ): Promise<string> {
    const folder = await mkdtemp(join(root, `${to}-`));
    await writeExport(folder, host, to, extra);
    return folder;
  }

  const close = (expected: Float32Array, found: ArrayLike<number>, tolerance = TOLERANCE): void => {
    expect(found.length).toBe(expected.length);
    expect(maxAbsDiff(expected, Float32Array.from(found)) / maxAbs(expected)).toBeLessThan(tolerance);
  };

  it.each(['onnx', 'savedmodel', 'coreml', 'graph'] as const)(
    '%s is refused as a checkpoint: it says what it is, and what to give instead',
    async (to) => {
      const folder = await exported(hostRecNext('recnext_m0', options), to);
      const error = await openCheckpoint(folder).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).toMatchObject({ kind: 'unsupported' });
      expect((error as Error).message).toMatch(/constants of a graph.*Give the checkpoint it was made from/);
    },
  );

  it('ONNX runs in onnxruntime-web', async () => {
    const ort = await import('onnxruntime-web');
    for (const name of ['recnext_m0', 'recnext_a0']) {
      const host = hostRecNext(name, options);
      const folder = await exported(host, 'onnx');
      const images = someImages(2, HEIGHT, WIDTH);
      const session = await ort.InferenceSession.create(await readFile(join(folder, 'model.onnx')));
      const input = new ort.Tensor('float32', channelsFirst(images), [2, 3, HEIGHT, WIDTH]);
      const { logits } = await session.run({ pixel_values: input });
      close(eagerLogits(host, images), logits!.data as Float32Array);
      await session.release();
    }
  });

  describe.skipIf(PYTHON === undefined)(
    `in Python${PYTHON === undefined ? ` [skipped: ${NO_PYTHON}]` : ''}`,
    () => {
      it.each(['recnext_m1', 'recnext_a1', 'recnext_t', 'recnext_s_share_channel'])(
        "onnx' checker and shape inference take %s",
        async (name) => {
          const folder = await exported(hostRecNext(name, options), 'onnx');
          const found = await python<Record<string, unknown>>('check_onnx.py', join(folder, 'model.onnx'));
          expect(found).toMatchObject({
            opset: 17,
            inputs: { pixel_values: ['batch', 3, HEIGHT, WIDTH] },
            outputs: { logits: ['batch', 12] },
            unknown: [],
          });
          // Nothing is transposed between convolutions.
          if (name.startsWith('recnext_m')) expect(found.transposes).toBe(0);
        },
      );

      it("stores ONNX weights under their names, in PyTorch's layout, as float16 if asked to", async () => {
        const host = hostRecNext('recnext_m0', options);
        const folder = await exported(host, 'onnx', { quantize: 'float16' });
        const { initializers } = await python<{ initializers: Record<string, number[]> }>(
          'check_onnx.py',
          join(folder, 'model.onnx'),
        );
        for (const [name, { shape }] of host.state)
          if (name.startsWith('stages') && name.endsWith('weight'))
            expect(initializers[name], name).toEqual(shape);
      });

      it.each(['recnext_m0', 'recnext_a0', 'recnext_t'])(
        'TensorFlow loads the SavedModel of %s',
        async (name) => {
          const host = hostRecNext(name, options);
          const folder = await exported(host, 'savedmodel');
          const images = someImages(2, HEIGHT, WIDTH);
          const file = join(folder, 'images.bin');
          await writeFile(file, images.data);
          const shape = JSON.stringify(images.shape);
          const { outputs, values } = await python<{ outputs: string[]; values: number[] }>(
            'run_saved_model.py',
            folder,
            file,
            shape,
          );
          expect(outputs).toEqual(['logits']);
          close(eagerLogits(host, images), values);
        },
      );

      /** Pixels of 0 to 255, and the images that models are given of them. */
      function pixels(host: HostModel): { pixels: Images; images: Images } {
        const { data, shape } = someImages(1, HEIGHT, WIDTH);
        const raw = data.map((value) => Math.round(255 / (1 + Math.exp(-value))));
        const model = builtFrom(host);
        const { mean, std } = model.dataConfig;
        model.dispose();
        const normalised = raw.map((value, i) => (value / 255 - mean[i % 3]!) / std[i % 3]!);
        return { pixels: { data: raw, shape }, images: { data: normalised, shape } };
      }

      interface CoremlResult {
        kind: string;
        version: number;
        input: [string, string];
        outputs: string[];
        classes: string[];
        values: number[];
      }

      async function runCoreml(folder: string, images: Images): Promise<CoremlResult> {
        const file = join(folder, 'image.bin');
        await writeFile(file, channelsFirst(images));
        return python('run_coreml.py', join(folder, 'model.mlmodel'), file, `[1,3,${HEIGHT},${WIDTH}]`);
      }

      it.each(['recnext_m0', 'recnext_a0', 'recnext_t', 'recnext_t_share_channel'])(
        'coremltools loads %s, and its layers, computed as documented, give its logits',
        async (name) => {
          const host = hostRecNext(name, options);
          const given = pixels(host);
          const found = await runCoreml(await exported(host, 'coreml'), given.pixels);
          expect(found).toMatchObject({
            kind: 'neuralNetwork',
            version: 5,
            input: ['image', 'imageType'],
            outputs: ['logits'],
          });
          close(eagerLogits(host, given.images), found.values);
        },
      );

      it('a Core ML model that knows its classes is a classifier', async () => {
        const host = hostRecNext('recnext_m0', options);
        const given = pixels(host);
        const found = await runCoreml(await exported(host, 'coreml', { classNames: CLASSES }), given.pixels);
        expect(found).toMatchObject({
          kind: 'neuralNetworkClassifier',
          outputs: ['classLabel', 'classLabel_probs'],
          classes: CLASSES,
        });
        const logits = eagerLogits(host, given.images);
        close(
          tf.tidy(() => tf.softmax(tf.tensor1d(logits)).dataSync<'float32'>()),
          found.values,
        );
      });

      it('a Core ML model of float16 weights is half as large, and is the model of the rounded weights', async () => {
        const host = hostRecNext('recnext_m0', options);
        const given = pixels(host);
        const folder = await exported(host, 'coreml', { quantize: 'float16' });
        close(eagerLogits(rounded(host), given.images), (await runCoreml(folder, given.pixels)).values);
        const size = async (path: string) => (await readFile(join(path, 'model.mlmodel'))).length;
        expect((await size(folder)) / (await size(await exported(host, 'coreml')))).toBeLessThan(0.52);
      });
    },
  );
});

describeBackends(['node'], 'tfjs-node', () => {
  it('loads the SavedModel', async () => {
    const host = hostRecNext('recnext_m0', options);
    const folder = await mkdtemp(join(tmpdir(), 'recnext-tfnode-'));
    try {
      await writeExport(folder, host, 'savedmodel');
      loadNodeBackend();
      const { node } = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu') as {
        node: { loadSavedModel(path: string): Promise<tf.InferenceModel & { dispose(): void }> };
      };
      const model = await node.loadSavedModel(folder);
      const images = someImages(2, HEIGHT, WIDTH);
      const logits = tf.tidy(() =>
        (model.predict(tf.tensor4d(images.data, [...images.shape]), {}) as tf.Tensor).dataSync<'float32'>(),
      );
      const expected = eagerLogits(host, images);
      expect(maxAbsDiff(expected, logits) / maxAbs(expected)).toBeLessThan(TOLERANCE);
      model.dispose();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
