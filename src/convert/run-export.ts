import * as tf from '@tensorflow/tfjs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { ImagesShape } from '../runtime/engines/engine.js';
import { EXPORT_FILE } from './export-model.js';
import type { GraphTarget } from './targets.js';

/** Exports that can be run where this toolkit runs. */
export type RunnableTarget = Exclude<GraphTarget, 'coreml'>;

/** Images `[n, h, w, c]`, row-major. */
export interface Images {
  readonly data: Float32Array;
  readonly shape: ImagesShape;
}

/** Why the runtime that an exported model is for can't be had here; undefined where it can. */
export async function whyNotRunnable(to: GraphTarget): Promise<string | undefined> {
  if (to === 'graph') return undefined;
  if (to === 'coreml') return 'Core ML runs on Apple devices only';
  try {
    if (to === 'onnx') await (await import('../runtime/onnx/index.js')).loadOnnxRuntime();
    else await (await import('../runtime/tensorflow/index.js')).tensorflowVersion();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** Logits of an exported model, computed by the runtime it is for: one that `whyNotRunnable` has nothing against. */
export async function runExport(folder: string, to: RunnableTarget, images: Images): Promise<Float32Array> {
  switch (to) {
    case 'graph':
      return runGraphModel(folder, images);
    case 'savedmodel':
      return runSavedModel(join(folder, EXPORT_FILE.savedmodel), images);
    case 'onnx':
      return runOnnx(join(folder, EXPORT_FILE.onnx), images);
  }
}

async function runGraphModel(folder: string, { data, shape }: Images): Promise<Float32Array> {
  const { weightsManifest, ...artifacts } = JSON.parse(
    await readFile(join(folder, 'model.json'), 'utf8'),
  ) as tf.io.ModelJSON;
  const [group] = weightsManifest as [tf.io.WeightsManifestConfig[number]];
  const shards = await Promise.all(group.paths.map((path) => readFile(join(folder, path))));
  const weightData = Uint8Array.from(Buffer.concat(shards)).buffer;
  const model = await tf.loadGraphModel(
    tf.io.fromMemory({ ...artifacts, weightSpecs: group.weights, weightData }),
  );
  const logits = tf.tidy(() => model.predict(tf.tensor4d(data, [...shape])) as tf.Tensor);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  model.dispose();
  return values;
}

async function runSavedModel(path: string, { data, shape }: Images): Promise<Float32Array> {
  const { TensorFlowSession } = await import('../runtime/tensorflow/index.js');
  const { readSavedModel } = await import('../graph/emit/saved-model/read-saved-model.js');
  const { graphDef, inputs, outputs } = readSavedModel(await readFile(path));
  const session = await TensorFlowSession.open(graphDef);
  try {
    const feeds = new Map([[inputs.images!, { dtype: 'float32', shape, data } as const]]);
    const [logits] = await session.run({ feeds, fetches: [outputs.logits!] });
    return logits!.data as Float32Array;
  } finally {
    session.dispose();
  }
}

async function runOnnx(path: string, { data, shape }: Images): Promise<Float32Array> {
  const { OnnxSession } = await import('../runtime/onnx/index.js');
  const session = await OnnxSession.open(await readFile(path));
  try {
    const channelsFirst = tf.tidy(() => tf.transpose(tf.tensor4d(data, [...shape]), [0, 3, 1, 2]));
    const [batch, height, width, channels] = shape;
    const values = (await channelsFirst.data()) as Float32Array;
    channelsFirst.dispose();
    return await session.run(values, [batch, channels, height, width]);
  } finally {
    await session.dispose();
  }
}
