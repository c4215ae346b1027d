import type * as tf from '@tensorflow/tfjs';
import { graphModelParts } from '../graph/emit/graph-model/graph-model.js';
import type { Weights } from '../graph/emit/host-tensors.js';
import type { Graph } from '../graph/graph.js';
import { sizeOf, type HostValue } from '../graph/host-value.js';
import { quantize, type Quantization, type StoredWeight } from './write/quantize.js';
import { SHARD_BYTES, Shards, type ModelFile } from './write/shards.js';

export interface GraphModelOptions {
  /** Store weights in fewer bytes. Default: float32. */
  readonly quantize?: Quantization;
  /** Largest weight file, bytes. Default 4 MiB. */
  readonly shardBytes?: number;
  /** Kept as `userDefinedMetadata.recnext`. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A graph as the files of a TF.js GraphModel, one after the other: its weight shards, then `model.json`. */
export function* graphModelFiles(
  graph: Graph,
  weights: Weights,
  { quantize: quantization, shardBytes = SHARD_BYTES, metadata }: GraphModelOptions,
): Generator<ModelFile> {
  const { modelTopology, signature, constants } = graphModelParts(graph, weights);
  const stored = constants.map(([name, value]) => store(name, value, quantization));
  const shards = new Shards(
    stored.reduce((sum, { data }) => sum + data.length, 0),
    shardBytes,
  );
  for (const { data } of stored) yield* shards.add(data);
  yield* shards.end();
  const json = {
    format: 'graph-model',
    generatedBy: 'recnext',
    convertedBy: null,
    modelTopology,
    signature,
    userDefinedMetadata: { recnext: metadata },
    weightsManifest: [{ paths: [...shards.names], weights: stored.map(({ spec }) => spec) }],
  } satisfies tf.io.ModelJSON;
  yield { name: 'model.json', data: new TextEncoder().encode(JSON.stringify(json)) };
}

/** Constants of the graph itself (sizes, axes, scalars) stay exact. */
function store(
  name: string,
  { dtype, shape, data }: HostValue,
  quantization: Quantization | undefined,
): StoredWeight {
  const spec = { name, shape: [...shape], dtype };
  if (quantization !== undefined && data instanceof Float32Array && sizeOf(shape) > 1)
    return quantize(spec, data, quantization);
  return { spec, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}
