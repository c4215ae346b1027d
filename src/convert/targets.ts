import { HALF_TYPES } from './write/half-precision.js';
import { QUANTIZATIONS } from './write/quantize.js';

interface TargetTraits {
  /** What it is, for people. */
  readonly is: string;
  /** Forms its weights may be stored in, in fewer bytes than float32. */
  readonly quantize: readonly string[];
  /** Whether its weights are cut into files of a size to be chosen. */
  readonly shards: boolean;
  /** Whether it is written from the graph of the model, for inference only. */
  readonly graph: boolean;
}

/** Everything that `convert` writes. */
export const TARGET_TRAITS = {
  layers: { is: 'a TF.js LayersModel', quantize: QUANTIZATIONS, shards: true, graph: false },
  safetensors: { is: 'safetensors with config.json', quantize: HALF_TYPES, shards: false, graph: false },
  pth: { is: 'a PyTorch file', quantize: HALF_TYPES, shards: false, graph: false },
  hub: {
    is: 'a folder for the model hub: safetensors, LayersModel, card',
    quantize: QUANTIZATIONS,
    shards: true,
    graph: false,
  },
  graph: {
    is: 'a TF.js GraphModel (tf.loadGraphModel, no code of ours)',
    quantize: QUANTIZATIONS,
    shards: true,
    graph: true,
  },
  savedmodel: { is: 'a TensorFlow SavedModel', quantize: [], shards: false, graph: true },
  onnx: { is: 'an ONNX model', quantize: ['float16', 'int8'], shards: false, graph: true },
  coreml: { is: 'a Core ML model', quantize: ['float16'], shards: false, graph: true },
} as const satisfies Readonly<Record<string, TargetTraits>>;

export type Target = keyof typeof TARGET_TRAITS;
/** Targets that are written from the model's graph. */
export type GraphTarget = {
  [T in Target]: (typeof TARGET_TRAITS)[T]['graph'] extends true ? T : never;
}[Target];

export const TARGETS = Object.keys(TARGET_TRAITS) as readonly Target[];

export function isGraphTarget(target: Target): target is GraphTarget {
  return TARGET_TRAITS[target].graph;
}
