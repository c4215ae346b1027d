import type { Weights } from '../graph/emit/host-tensors.js';
import { forwardGraph } from '../graph/forward-graph.js';
import type { Graph } from '../graph/graph.js';
import { foldBatchNorm, prepareInference, removeDeadCode } from '../graph/passes/index.js';
import type { DataConfig } from '../models/image-model.js';
import { hostWeights } from '../runtime/engines/weights.js';
import { graphModelFiles } from './graph-model-files.js';
import type { HostModel } from './layers-model.js';
import { builtFrom } from './load-weights.js';
import type { GraphTarget } from './targets.js';
import { halfPrecision } from './write/half-precision.js';
import { metadataOf } from './write/model-metadata.js';
import { QUANTIZATIONS } from './write/quantize.js';
import type { ModelFile } from './write/shards.js';

/** Names of the files of an exported model that is one file. */
export const EXPORT_FILE = {
  savedmodel: 'saved_model.pb',
  onnx: 'model.onnx',
  coreml: 'model.mlmodel',
} as const satisfies Partial<Record<GraphTarget, string>>;

/** What images and logits are called in ONNX and Core ML files: the names that transformers and its JavaScript sibling look for. */
export const EXPORT_NAMES = { images: 'pixel_values', logits: 'logits' } as const;

export interface ExportOptions {
  readonly classNames?: readonly string[];
  readonly quantize?: string;
  readonly shardBytes?: number;
  /** Folder of images, for int8. */
  readonly calibration?: string;
}

/**
 * The files of a model as a graph for another runtime: traced, batch norms folded, weights frozen. The batch is open, the size of the images is that of the
 * model's configuration. TF.js must be ready: the model is built to be traced.
 *
 * @throws UserError naming the operation and the module for what the target cannot express
 */
export async function* exportFiles(
  host: HostModel,
  to: GraphTarget,
  { classNames, quantize, shardBytes, calibration }: ExportOptions,
): AsyncGenerator<ModelFile> {
  // Core ML's layers know the shape of everything.
  const { weights, graph, dataConfig } = await traced(host, to === 'coreml' ? 1 : 'open');
  const half = quantize === 'float16';
  const encoder = (name: string, values: Float32Array) => halfPrecision(name, values, 'float16');
  const metadata = { recnext: JSON.stringify(metadataOf(host.config, classNames)) };
  switch (to) {
    case 'graph':
      yield* graphModelFiles(graph, weights, {
        quantize: QUANTIZATIONS.find((type) => type === quantize),
        shardBytes,
        metadata: metadataOf(host.config, classNames),
      });
      return;
    case 'savedmodel': {
      const { writeSavedModel } = await import('../graph/emit/saved-model/write-saved-model.js');
      yield { name: EXPORT_FILE.savedmodel, data: writeSavedModel(graph, weights) };
      return;
    }
    case 'onnx': {
      const { writeOnnx } = await import('../graph/emit/onnx/write-onnx.js');
      const ranges =
        calibration === undefined
          ? undefined
          : await (await import('./calibrate.js')).calibrate(graph, weights, dataConfig, calibration);
      const options = { weights, names: EXPORT_NAMES, metadata, ranges, ...(half && { half: encoder }) };
      yield { name: EXPORT_FILE.onnx, data: writeOnnx(graph, options) };
      return;
    }
    case 'coreml': {
      const { writeCoreml } = await import('../graph/emit/coreml/write-coreml.js');
      const { mean, std } = dataConfig;
      yield {
        name: EXPORT_FILE.coreml,
        data: writeCoreml(graph, {
          weights,
          mean,
          std,
          classNames,
          metadata,
          ...(half && { half: encoder }),
        }),
      };
      return;
    }
  }
}

/** What the emitters need of a model. */
async function traced(
  host: HostModel,
  batch: 1 | 'open',
): Promise<{ weights: Weights; graph: Graph; dataConfig: DataConfig }> {
  const model = builtFrom(host);
  try {
    const weights = await hostWeights(model);
    const graph = prepareInference(forwardGraph(model, { batch }));
    return { weights, graph: removeDeadCode(foldBatchNorm(graph, weights)), dataConfig: model.dataConfig };
  } finally {
    model.dispose();
  }
}
