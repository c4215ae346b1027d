import type * as tf from '@tensorflow/tfjs';
import { namedWeights, sizeOf, type ModuleSpec } from '../layers/spec/module-spec.js';
import { tfShape, toTf } from '../layers/weight-layout.js';
import type { ModelConfig } from '../models/model-config.js';
import type { StateDict } from '../models/state-dict.js';
import { numbers } from '../models/weight-check.js';
import { layersTopology } from './write/layers-topology.js';
import { metadataOf } from './write/model-metadata.js';
import { quantize, type Quantization, type StoredWeight } from './write/quantize.js';
import { SHARD_BYTES, Shards, type ModelFile } from './write/shards.js';

/** A model on the host: its configuration, its description, its weights under checkpoint names and layout. */
export interface HostModel {
  readonly config: ModelConfig;
  readonly spec: ModuleSpec;
  readonly state: StateDict;
}

export interface LayersModelOptions {
  readonly classNames?: readonly string[];
  /** Store weights in fewer bytes. Default: float32. */
  readonly quantize?: Quantization;
  /** Largest weight file, bytes. Default 4 MiB. */
  readonly shardBytes?: number;
  /** Take weights out of the state as they are written. Default false. */
  readonly consume?: boolean;
}

/**
 * A model as the files of a TF.js LayersModel, one after the other: its weight shards, then `model.json`. Weights carry their
 * checkpoint names; `tf.loadLayersModel` reads it once this library's layers are registered. TF.js is not needed for it.
 */
export function* layersModelFiles(
  { config, spec, state }: HostModel,
  { classNames, quantize: quantization, shardBytes = SHARD_BYTES, consume = false }: LayersModelOptions = {},
): Generator<ModelFile> {
  const names = namedWeights(spec).filter(([, { layout }]) => layout !== 'counter');
  const entries: tf.io.WeightsManifestEntry[] = [];
  const total = names.reduce((sum, [name, { shape }]) => sum + storedBytes(name, shape, quantization), 0);
  const shards = new Shards(total, shardBytes);
  const scratch = new Float32Array(Math.max(0, ...names.map(([, { shape }]) => sizeOf(shape))));
  for (const [name, weight] of names) {
    const given = numbers(state.get(name)!.data);
    const values = toTf(weight, given, scratch.subarray(0, given.length));
    if (consume) state.delete(name);
    const stored = store({ name, shape: tfShape(weight), dtype: 'float32' }, values, quantization);
    entries.push(stored.spec);
    yield* shards.add(stored.data);
  }
  yield* shards.end();
  const json: tf.io.ModelJSON = {
    modelTopology: layersTopology(config.name, config.inChans, spec),
    format: 'layers-model',
    generatedBy: 'recnext',
    convertedBy: null,
    userDefinedMetadata: { recnext: metadataOf(config, classNames) },
    weightsManifest: [{ paths: [...shards.names], weights: entries }],
  };
  yield { name: 'model.json', data: new TextEncoder().encode(JSON.stringify(json)) };
}

function store(
  spec: tf.io.WeightsManifestEntry,
  values: Float32Array,
  quantization: Quantization | undefined,
): StoredWeight {
  if (quantization !== undefined) return quantize(spec, values, quantization);
  return { spec, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** What a weight takes in the files. */
function storedBytes(name: string, shape: readonly number[], quantization: Quantization | undefined): number {
  const sample = store({ name, shape: [...shape], dtype: 'float32' }, new Float32Array(1), quantization);
  return sample.data.length * sizeOf(shape);
}
