import * as tf from '@tensorflow/tfjs';
import { parseMetadata } from '../../convert/model-metadata.js';
import { isRecord } from '../../convert/read/json.js';
import { UserError } from '../../errors.js';
import { modelDataConfig } from '../../models/model-config.js';
import type { EngineOptions } from '../../runtime/engines/choose.js';
import { fastBackend } from './fast-backend.js';
import { filesFingerprint } from './fingerprint.js';
import type { FoundTeacher } from './sniff.js';
import { imagesAmong } from './ports.js';
import type { TeacherModel } from './teacher-model.js';
import { readTfjsFiles } from './tfjs-files.js';

const FORMATS = { 'graph-model': 'a TF.js GraphModel', 'layers-model': 'a TF.js LayersModel' } as const;

/**
 * A TF.js model of any origin, run by TF.js itself. Names of its classes and its normalisation are known where this toolkit wrote it.
 *
 * @throws UserError where TF.js does not load it, or it takes something else than one batch of images
 */
export async function openTfjsModel(
  { format: kind, path }: FoundTeacher,
  engine: EngineOptions | undefined,
  notice: (line: string) => void,
): Promise<TeacherModel> {
  const format = FORMATS[kind as keyof typeof FORMATS];
  const { artifacts, json, files } = await readTfjsFiles(path);
  const backend = await fastBackend(engine, notice);
  const handler = tf.io.fromMemory(artifacts);
  const model = await backend
    .on<Promise<tf.GraphModel | tf.LayersModel>>(() =>
      kind === 'graph-model' ? tf.loadGraphModel(handler) : tf.loadLayersModel(handler),
    )
    .catch((error: unknown) => {
      throw new UserError(
        `${path}: TF.js does not load it as ${format} (${(error as Error).message.split('\n')[0]!}).`,
        { cause: error },
      );
    });
  const ours = isRecord(json.userDefinedMetadata) && 'recnext' in json.userDefinedMetadata;
  const metadata = ours ? parseMetadata(json, path) : undefined;
  const { mean, std } = metadata ? modelDataConfig(metadata.config) : {};
  return {
    format,
    input: inputOfModel(model, path),
    normalisation: mean && std && { mean, std },
    classNames: metadata?.classNames,
    fingerprint: await filesFingerprint(files),
    notes: [`${format}, run by TF.js on the backend ${backend.name}`],
    async run({ data, shape }) {
      const output = backend.on(() =>
        tf.tidy(() => logitsOf(predict(model, tf.tensor(data, [...shape]), path), path)),
      );
      try {
        return { data: (await output.data()) as Float32Array, shape: output.shape };
      } finally {
        output.dispose();
      }
    },
    dispose: () => model.dispose(),
  };
}

function inputOfModel({ inputs }: tf.GraphModel | tf.LayersModel, path: string): TeacherModel['input'] {
  const ports = (inputs as readonly Partial<tf.TensorInfo & { name: string }>[]).map(
    ({ name = '', dtype = 'float32', shape }) => ({ name, type: dtype, shape: shape ?? [] }),
  );
  return imagesAmong(ports, path).input;
}

function predict(
  model: tf.GraphModel | tf.LayersModel,
  images: tf.Tensor,
  path: string,
): tf.Tensor | tf.Tensor[] | tf.NamedTensorMap {
  try {
    return model.predict(images);
  } catch (error) {
    throw new UserError(
      `${path}: TF.js does not run it (${(error as Error).message.split('\n')[0]!}). Models with control flow, or of operations that TF.js lacks, are no teachers: convert it to ONNX.`,
      { cause: error },
    );
  }
}

/** Of several results the one called logits, or the first one of two axes. */
function logitsOf(output: tf.Tensor | tf.Tensor[] | tf.NamedTensorMap, path: string): tf.Tensor {
  if (output instanceof tf.Tensor) return output;
  const named = Array.isArray(output) ? {} : output;
  const found = named.logits ?? Object.values(output).find(({ rank }) => rank === 2);
  if (found === undefined) throw new UserError(`${path}: none of its results is [batch, classes].`);
  return found;
}
