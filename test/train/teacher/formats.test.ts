import * as tf from '@tensorflow/tfjs';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layersModelFiles } from '../../../src/convert/layers-model.js';
import { builtFrom } from '../../../src/convert/load-weights.js';
import type { GraphTarget } from '../../../src/convert/targets.js';
import type { EngineOptions } from '../../../src/runtime/engines/choose.js';
import {
  openTeacher,
  type TeacherContext,
  type TeacherOptions,
} from '../../../src/train/teacher/open-teacher.js';
import { describeBackends } from '../../helpers/backends.js';
import { hostRecNext, someImages, writeExport } from '../../helpers/exports.js';
import { maxAbs, maxAbsDiff } from '../../helpers/models.js';
import { refused } from '../../helpers/refused.js';

/** A Python with onnx and TensorFlow. */
const PYTHON = process.env.RECNEXT_EXPORT_PYTHON;
const NO_PYTHON = 'RECNEXT_EXPORT_PYTHON names no Python with onnx and tensorflow-cpu';
if (PYTHON === undefined && process.env.CI) throw new Error(`CI needs it: ${NO_PYTHON}`);

const SIDE = 64;
const CLASSES = 6;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const TENSORFLOW: EngineOptions = { engine: 'tensorflow' };

let root: string;
const host = hostRecNextOnce();

describeBackends(['node'], 'a teacher', () => {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'recnext-teacher-'));
  });
  afterAll(() => rm(root, { recursive: true }));

  /** Opens a teacher; what it is told of goes to `said`. */
  async function open(
    path: string,
    options: TeacherOptions & {
      engine?: EngineOptions;
      data?: Partial<TeacherContext['data']>;
      side?: number;
    } = {},
    said: string[] = [],
  ) {
    const { engine, data, side = SIDE, ...rest } = options;
    return openTeacher(
      path,
      rest,
      {
        data: { count: CLASSES, names: undefined, source: 'the data', ...data },
        student: IMAGENET,
        inputSize: side,
        engine,
      },
      { notice: (line) => said.push(line) },
    );
  }

  async function exported(to: GraphTarget, classNames?: string[]): Promise<string> {
    const folder = await mkdtemp(join(root, `${to}-`));
    await writeExport(folder, host(), to, { classNames });
    return folder;
  }

  async function layersModel(model: tf.LayersModel): Promise<string> {
    const folder = await mkdtemp(join(root, 'layers-'));
    await model.save({
      async save({ weightSpecs, weightData, ...artifacts }) {
        const json = { ...artifacts, weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }] };
        await writeFile(join(folder, 'weights.bin'), new Uint8Array(weightData as ArrayBuffer));
        await writeFile(join(folder, 'model.json'), JSON.stringify(json));
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
      },
    });
    return folder;
  }

  const close = (expected: ArrayLike<number>, found: Float32Array, tolerance = 1e-5): void => {
    const wanted = Float32Array.from(expected);
    expect(found.length).toBe(wanted.length);
    expect(maxAbsDiff(wanted, found) / maxAbs(wanted)).toBeLessThan(tolerance);
  };

  function ownLogits(): Float32Array {
    const model = builtFrom(host());
    const { data, shape } = someImages(3, SIDE, SIDE);
    const logits = tf.tidy(() => model.forward(tf.tensor4d(data, [...shape])).dataSync<'float32'>());
    model.dispose();
    return logits;
  }

  async function logitsOf(...args: Parameters<typeof open>): Promise<Float32Array> {
    const teacher = await open(...args);
    const { data, shape } = someImages(3, SIDE, SIDE);
    try {
      return await teacher.logits(data, shape);
    } finally {
      teacher.dispose();
    }
  }

  describe('of this toolkit', () => {
    it.each(['eager', 'tensorflow'] as const)(
      'as weights, folded, gives its logits on %s',
      async (engine) => {
        const folder = await mkdtemp(join(root, 'weights-'));
        for (const { name, data } of layersModelFiles(host())) await writeFile(join(folder, name), data);
        const said: string[] = [];
        close(ownLogits(), await logitsOf(folder, { engine: { engine } }, said));
        expect(said).toEqual([]);
      },
    );

    it.each([
      ['graph', undefined],
      ['graph', TENSORFLOW],
      ['savedmodel', TENSORFLOW],
      ['onnx', undefined],
    ] as const)('exported as %s, run beside %o', async (to, engine) => {
      const before = tf.getBackend();
      const options = to === 'savedmodel' ? ({ teacherNorm: 'imagenet' } as const) : {};
      close(ownLogits(), await logitsOf(await exported(to), { engine, ...options }), 2e-5);
      expect(tf.getBackend()).toBe(before);
    });

    it('knows its classes and its normalisation wherever it was exported to', async () => {
      const names = ['a', 'b', 'c', 'd', 'e', 'f'];
      for (const to of ['graph', 'onnx'] as const) {
        const folder = await exported(to, names);
        const said: string[] = [];
        (await open(folder, { data: { names } }, said)).dispose();
        expect(said).toHaveLength(1);
        await expect(open(folder, { data: { names: ['a', 'b', 'c', 'e', 'd', 'f'] } })).rejects.toThrow(
          /class 3 is "e", in the teacher .* it is "d"/,
        );
      }
    });

    it('is what the config.json and classes.txt beside it say', async () => {
      const folder = await exported('savedmodel');
      const cfg = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
      await writeFile(join(folder, 'config.json'), JSON.stringify({ pretrained_cfg: cfg }));
      await writeFile(join(folder, 'classes.txt'), 'a\nb\nc\nd\ne\nf\n');
      const said: string[] = [];
      const names = ['a', 'b', 'c', 'd', 'e', 'f'];
      (await open(folder, { engine: TENSORFLOW, data: { names } }, said)).dispose();
      expect(said.join('\n')).toMatch(/normalised otherwise than the student's \(mean 0\.5 0\.5 0\.5/);
      expect(said.join('\n')).not.toMatch(/does not say/);
      await expect(
        open(folder, { engine: TENSORFLOW, data: { names: [...names].reverse() } }),
      ).rejects.toThrow(/class 0 is "f", in the teacher .* it is "a"/);
    });

    it('gives the logits of the classes asked for', async () => {
      const map = join(root, 'map.yaml');
      await writeFile(map, '0: 5\n1: 2\n');
      const all = ownLogits();
      const found = await logitsOf(await exported('onnx'), {
        data: { count: 2 },
        teacherClasses: map,
      });
      close(
        [5, 2, 11, 8, 17, 14].map((i) => all[i]!),
        found,
        2e-5,
      );
    });

    it('leaves no tensor behind', async () => {
      const folder = await exported('graph');
      const before = tf.memory().numTensors;
      await logitsOf(folder);
      await logitsOf(folder, { engine: TENSORFLOW });
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  describe('of another origin', () => {
    const foreign = (side = 32, activation?: 'softmax') =>
      tf.sequential({
        layers: [
          tf.layers.conv2d({
            inputShape: [side, side, 3],
            filters: 5,
            kernelSize: 3,
            strides: 2,
            activation: 'elu',
          }),
          tf.layers.globalAveragePooling2d({}),
          tf.layers.dense({ units: CLASSES, ...(activation && { activation }) }),
        ],
      });

    it('a LayersModel of a fixed size sees the images resized, normalised as told', async () => {
      const model = foreign();
      const folder = await layersModel(model);
      const said: string[] = [];
      const teacher = await open(folder, { teacherNorm: '0-255', engine: TENSORFLOW }, said);
      expect(said.join('\n')).toMatch(/takes images of 32 x 32 pixels; the student's are resized/);
      expect(said.join('\n')).toMatch(/normalised otherwise than the student's \(mean 0 0 0, std 0\.003922/);
      // Of one colour: resizing changes nothing.
      const image = new Float32Array(SIDE * SIDE * 3);
      const pixel = [10, 200, 30];
      image.forEach((_, i) => {
        const c = i % 3;
        image[i] = (pixel[c]! / 255 - IMAGENET.mean[c]!) / IMAGENET.std[c]!;
      });
      const found = await teacher.logits(image, [1, SIDE, SIDE, 3]);
      const images = tf.tidy(() => tf.tile(tf.tensor4d(pixel, [1, 1, 1, 3]), [1, 32, 32, 1]));
      close((model.predict(images) as tf.Tensor).dataSync(), found, 1e-4);
      teacher.dispose();
    });

    it('one that gives probabilities is told of, and its logarithms are taken', async () => {
      const model = foreign(SIDE, 'softmax');
      const said: string[] = [];
      const found = await logitsOf(await layersModel(model), {}, said);
      expect(said.join('\n')).toMatch(/gives probabilities/);
      expect(said.join('\n')).toMatch(/normalised as ImageNet's; --teacher-norm/);
      const { data, shape } = someImages(3, SIDE, SIDE);
      const probabilities = (model.predict(tf.tensor4d(data, [...shape])) as tf.Tensor).dataSync();
      close(Array.from(probabilities, Math.log), found);
    });

    it.each([
      [
        'a model of something else',
        () => tf.sequential({ layers: [tf.layers.dense({ inputShape: [4], units: 2 })] }),
        /expected one float32 batch of RGB images/,
      ],
      [
        'a model of grey images',
        () =>
          tf.sequential({ layers: [tf.layers.conv2d({ inputShape: [8, 8, 1], filters: 2, kernelSize: 8 })] }),
        /\[.*8, 8, 1\], expected one float32 batch/,
      ],
      [
        'no classifier',
        () =>
          tf.sequential({
            layers: [tf.layers.conv2d({ inputShape: [64, 64, 3], filters: 2, kernelSize: 3 })],
          }),
        /gives \[1, 62, 62, 2\], expected \[1, classes\]/,
      ],
      ['another number of classes', () => foreign(), /knows 6 classes, the data has 7/],
    ] as [string, () => tf.LayersModel, RegExp][])('refuses %s', async (what, make, message) => {
      const folder = await layersModel(make());
      const options = what.includes('number of classes') ? { data: { count: 7 } } : {};
      await refused(open(folder, options), message);
    });

    it('ONNX files lie where browsers look for them, or are told apart', async () => {
      const folder = await mkdtemp(join(root, 'hub-'));
      await mkdir(join(folder, 'onnx'));
      await writeExport(join(folder, 'onnx'), host(), 'onnx');
      await copyFile(join(folder, 'onnx', 'model.onnx'), join(folder, 'onnx', 'model_int8.onnx'));
      close(ownLogits(), await logitsOf(folder));
      await rename(join(folder, 'onnx', 'model.onnx'), join(folder, 'onnx', 'model_fp16.onnx'));
      await refused(open(folder), /several ONNX files \(onnx\/model_fp16\.onnx, onnx\/model_int8\.onnx\)/);
    });

    it('refuses files that are none, are not whole, or lie elsewhere', async () => {
      const refusedAt = (path: string, message: RegExp, options = {}) =>
        refused(open(path, options), message);
      const bad = join(root, 'bad');
      await mkdir(bad);
      await writeFile(join(bad, 'x.onnx'), 'no model');
      await refusedAt(join(bad, 'x.onnx'), /x\.onnx: onnxruntime does not open the model/);
      await mkdir(join(bad, 'saved'));
      await writeFile(join(bad, 'saved/saved_model.pb'), 'no model');
      await refusedAt(join(bad, 'saved'), /saved_model\.pb: /);
      await refusedAt(join(bad, 'none'), /none: no such file or folder/);
      const folder = await layersModel(foreign());
      const text = await readFile(join(folder, 'model.json'), 'utf8');
      await writeFile(join(folder, 'model.json'), text.replace('weights.bin', '../weights.bin'));
      await refusedAt(folder, /no plain name of a file beside it/);
      await writeFile(join(folder, 'model.json'), text.replace('weights.bin', 'other.bin'));
      await refusedAt(folder, /other\.bin, which is not there/);
      await refusedAt(
        await exported('onnx'),
        /--teacher-layout nhwc, but an ONNX model takes images as nchw/,
        {
          teacherLayout: 'nhwc',
        },
      );
    });
  });

  describe.skipIf(PYTHON === undefined)(
    `from Python${PYTHON === undefined ? ` [skipped: ${NO_PYTHON}]` : ''}`,
    () => {
      async function python<T>(script: string, to: string): Promise<T> {
        const path = fileURLToPath(new URL(`python/${script}`, import.meta.url));
        const { stdout } = await promisify(execFile)(PYTHON!, [path, to], { maxBuffer: 1 << 26 });
        return JSON.parse(stdout.trim().split('\n').at(-1)!) as T;
      }

      it('SavedModels with variables, of a module and of Keras', { timeout: 120_000 }, async () => {
        const folder = join(root, 'tensorflow');
        const made = await python<Record<'images' | 'module' | 'small' | 'keras', number[]>>(
          'saved_model.py',
          folder,
        );
        for (const [name, images, side] of [
          ['module', 'images', 32],
          ['keras', 'small', 24],
        ] as const) {
          const said: string[] = [];
          const teacher = await open(
            join(folder, name),
            { teacherNorm: 'none', engine: TENSORFLOW, data: { count: 4 }, side },
            said,
          );
          const found = await teacher.logits(Float32Array.from(made[images]), [3, side, side, 3]);
          const isKeras = name === 'keras';
          expect(said.some((line) => line.includes('gives probabilities'))).toBe(isKeras);
          close(isKeras ? made[name].map(Math.log) : made[name], found);
          teacher.dispose();
        }
      });

      it('ONNX with channels first, an image at a time', async () => {
        const file = join(root, 'foreign.onnx');
        const { images, logits } = await python<Record<'images' | 'logits', number[]>>('onnx_model.py', file);
        const said: string[] = [];
        const teacher = await open(file, { teacherNorm: 'none', data: { count: 5 }, side: 20 }, said);
        expect(said.join('\n')).toMatch(/fixes the batch to 1/);
        close(logits, await teacher.logits(Float32Array.from(images), [3, 20, 24, 3]));
        teacher.dispose();
      });
    },
  );
});

/** Made when it is first asked for: a backend must be ready. */
function hostRecNextOnce(): () => ReturnType<typeof hostRecNext> {
  let made: ReturnType<typeof hostRecNext> | undefined;
  return () => (made ??= hostRecNext('recnext_m0', { numClasses: CLASSES, imgSize: SIDE }));
}
