import * as tf from '@tensorflow/tfjs';
import type { SpecModel, RecNext, RegNet } from '../models/index.js';
import { metadataOf } from './model-metadata.js';

/** Browsers cache files of this size and fetch several at once; the size tensorflowjs_converter cuts at too. */
const SHARD_BYTES = 4 * 2 ** 20;

export interface ModelFile {
  readonly name: string;
  readonly data: Uint8Array;
}

/**
 * A model as the files of a TF.js LayersModel: `model.json` (last) and its weight shards. Weights carry their checkpoint
 * names; `tf.loadLayersModel` reads it once this library's layers are registered.
 */
export async function layersModelFiles(
  model: RecNext | RegNet,
  classNames?: readonly string[],
): Promise<ModelFile[]> {
  const artifacts = await layersModelArtifacts(model, classNames);
  const weights = tf.io.CompositeArrayBuffer.join(artifacts.weightData as ArrayBuffer | ArrayBuffer[]);
  const count = Math.max(1, Math.ceil(weights.byteLength / SHARD_BYTES));
  const shards = Array.from({ length: count }, (_, i): ModelFile => ({
    name: `group1-shard${i + 1}of${count}.bin`,
    data: new Uint8Array(weights.slice(i * SHARD_BYTES, (i + 1) * SHARD_BYTES)),
  }));
  const { modelTopology, format, generatedBy, userDefinedMetadata, weightSpecs = [] } = artifacts;
  const json: tf.io.ModelJSON = {
    modelTopology: modelTopology as object,
    format,
    generatedBy,
    convertedBy: null,
    userDefinedMetadata,
    weightsManifest: [{ paths: shards.map(({ name }) => name), weights: weightSpecs }],
  };
  return [...shards, { name: 'model.json', data: new TextEncoder().encode(JSON.stringify(json)) }];
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
