import * as tf from '@tensorflow/tfjs';
import type { SpecModel, RecNext, RegNet } from '../models/index.js';
import { metadataOf } from './model-metadata.js';
import { quantize, type Quantization, type StoredWeight } from './write/quantize.js';

/** Browsers cache files of this size and fetch several at once; the size tensorflowjs_converter cuts at too. */
const SHARD_BYTES = 4 * 2 ** 20;

export interface ModelFile {
  readonly name: string;
  readonly data: Uint8Array;
}

export interface LayersModelOptions {
  readonly classNames?: readonly string[];
  /** Store weights in fewer bytes. Default: float32. */
  readonly quantize?: Quantization;
  /** Largest weight file, bytes. Default 4 MiB. */
  readonly shardBytes?: number;
}

/**
 * A model as the files of a TF.js LayersModel: `model.json` (last) and its weight shards. Weights carry their checkpoint
 * names; `tf.loadLayersModel` reads it once this library's layers are registered.
 */
export async function layersModelFiles(
  model: RecNext | RegNet,
  { classNames, quantize: quantization, shardBytes = SHARD_BYTES }: LayersModelOptions = {},
): Promise<ModelFile[]> {
  const artifacts = await layersModelArtifacts(model, classNames);
  const stored = storedWeights(artifacts, quantization);
  const shards = shard(
    stored.map(({ data }) => data),
    shardBytes,
  );
  const { modelTopology, format, generatedBy, userDefinedMetadata } = artifacts;
  const json: tf.io.ModelJSON = {
    modelTopology: modelTopology as object,
    format,
    generatedBy,
    convertedBy: null,
    userDefinedMetadata,
    weightsManifest: [{ paths: shards.map(({ name }) => name), weights: stored.map(({ spec }) => spec) }],
  };
  return [...shards, { name: 'model.json', data: new TextEncoder().encode(JSON.stringify(json)) }];
}

function storedWeights(
  { weightData, weightSpecs = [] }: tf.io.ModelArtifacts,
  quantization: Quantization | undefined,
): StoredWeight[] {
  const bytes = tf.io.CompositeArrayBuffer.join(weightData as ArrayBuffer | ArrayBuffer[]);
  let at = 0;
  return weightSpecs.map((spec) => {
    const values = new Float32Array(
      bytes,
      at,
      spec.shape.reduce((a, b) => a * b, 1),
    );
    at += values.byteLength;
    if (quantization !== undefined) return quantize(spec, values, quantization);
    return { spec, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
  });
}

/** The weights one after the other, cut into files of one size. */
function shard(parts: readonly Uint8Array[], size: number): ModelFile[] {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  const count = Math.max(1, Math.ceil(whole.length / size));
  return Array.from({ length: count }, (_, i) => ({
    name: `group1-shard${i + 1}of${count}.bin`,
    data: whole.subarray(i * size, (i + 1) * size),
  }));
}

async function layersModelArtifacts(
  model: SpecModel & (RecNext | RegNet),
  classNames: readonly string[] | undefined,
): Promise<tf.io.ModelArtifacts> {
  const layersModel = model.toLayersModel();
  layersModel.setUserDefinedMetadata({ recnext: metadataOf(model, classNames) });
  let saved: tf.io.ModelArtifacts | undefined;
  await layersModel.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return Promise.resolve({ modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) });
    }),
  );
  return saved!;
}
