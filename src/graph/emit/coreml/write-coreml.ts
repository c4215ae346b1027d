import { typeOf, type Graph, type GraphNode, type Ref, type TensorType } from '../../graph.js';
import type { Op } from '../../ops.js';
import { CHANNELS_FIRST, placed, plainOrder } from '../axis-order.js';
import { unsupported } from '../emit-error.js';
import type { HalfEncoder, Weights } from '../host-tensors.js';
import { PlacedTensors } from '../placed-tensors.js';
import { CoremlBuilder } from './coreml-builder.js';
import { images } from './lower-images.js';
import { tensors as lowerTensors } from './lower-tensors.js';
import type { CoremlLower } from './lowering.js';
import { encodeCoreml, EXACT_ARRAYS, FLOAT32, IMAGES_OF_RANK_4, RGB } from './proto.js';

/** The first with fractional factors of upsampling: iOS 14, macOS 11. */
const SPECIFICATION = 5;
const IMAGE = 'image';
const LOGITS = 'logits';
const LABEL = 'classLabel';
const PROBABILITIES = 'classLabel_probs';

export interface CoremlOptions {
  readonly weights: Weights;
  /** What is done to pixels of 0 to 255 first: divided by 255, less the mean, over the deviation; for each channel. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** With names the model is a classifier: it gives the name of the class and the probability of each. */
  readonly classNames?: readonly string[];
  /** Stores weights as float16. */
  readonly half?: HalfEncoder;
  /** Texts to be kept in the file, by key. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const LOWER = { ...images, ...lowerTensors };

/**
 * A graph of input `images` `[1, h, w, c]` and output `logits` as a Core ML neural network (specification 5). Three channels come in as an RGB image, which the
 * network normalises itself; others as an array `[1, c, h, w]` that is normalised already.
 *
 * @throws UserError naming the operation and the module for what Core ML's layers cannot express
 */
export function writeCoreml(graph: Graph, options: CoremlOptions): Uint8Array {
  const { weights, half, classNames, metadata = {} } = options;
  const to = new CoremlBuilder(half);
  const tensors = new PlacedTensors(to, weights);
  const inputs: Readonly<Record<string, unknown>>[] = [];
  for (const node of graph.nodes) {
    to.scope = node.scope;
    if (node.op === 'Variable' || node.op === 'Const') continue;
    if (node.op === 'Input') {
      const [{ shape }] = node.outputs as [TensorType];
      const isImage = shape[3] === 3;
      const name = isImage ? normalised(to, options) : node.attrs.name;
      inputs.push(isImage ? imageFeature(shape) : arrayFeature(name, placed(shape, CHANNELS_FIRST)));
      tensors.set(node, [{ name, order: CHANNELS_FIRST }]);
      continue;
    }
    tensors.set(node, [lower(node)(node, tensors)]);
  }
  to.scope = '';
  const logits = graph.outputs.get('logits') as Ref;
  const result = tensors.name(logits, plainOrder(typeOf(logits).shape.length));
  const network = { arrayInputShapeMapping: EXACT_ARRAYS, imageInputShapeMapping: IMAGES_OF_RANK_4 };
  const common = { input: inputs, metadata: { userDefined: metadata } };
  if (classNames === undefined) {
    to.add('reshapeStatic', [result], { targetShape: typeOf(logits).shape }, LOGITS);
    return encodeCoreml({
      specificationVersion: SPECIFICATION,
      description: { ...common, output: [arrayFeature(LOGITS, typeOf(logits).shape)] },
      neuralNetwork: { ...network, layers: to.layers },
    });
  }
  to.add('softmaxND', [result], { axis: -1 }, PROBABILITIES);
  return encodeCoreml({
    specificationVersion: SPECIFICATION,
    description: {
      ...common,
      output: [
        { name: LABEL, type: { stringType: {} } },
        { name: PROBABILITIES, type: { dictionaryType: { stringKeyType: {} } } },
      ],
      predictedFeatureName: LABEL,
      predictedProbabilitiesName: PROBABILITIES,
    },
    neuralNetworkClassifier: {
      ...network,
      layers: to.layers,
      stringClassLabels: { vector: classNames },
      labelProbabilityLayerName: PROBABILITIES,
    },
  });
}

function lower(node: GraphNode): CoremlLower<Op> {
  const found = (LOWER as Partial<Record<Op, CoremlLower<Op>>>)[node.op];
  if (found === undefined) throw unsupported(node, 'coreml');
  return found;
}

/** Core ML's own preprocessing has one factor for all channels: layers do it for each. */
function normalised(to: CoremlBuilder, { mean, std }: CoremlOptions): string {
  const channels = (values: readonly number[]): string =>
    to.constant(
      { dtype: 'float32', shape: [1, values.length, 1, 1], data: Float32Array.from(values) },
      'normalise',
    );
  const scaled = to.add('multiplyBroadcastable', [
    IMAGE,
    channels(std.map((deviation) => 1 / (255 * deviation))),
  ]);
  return to.add('addBroadcastable', [scaled, channels(mean.map((m, i) => -m / std[i]!))]);
}

function imageFeature([, height, width]: readonly number[]): Readonly<Record<string, unknown>> {
  return { name: IMAGE, type: { imageType: { width, height, colorSpace: RGB } } };
}

function arrayFeature(name: string, shape: readonly number[]): Readonly<Record<string, unknown>> {
  return { name, type: { multiArrayType: { shape, dataType: FLOAT32 } } };
}
