import protobuf from 'protobufjs/light.js';

/*
 * The messages of Core ML's Model.proto, FeatureTypes.proto, DataStructures.proto and NeuralNetwork.proto that are written, with their field numbers, which
 * never change.
 */

const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });
const message = (fields: protobuf.INamespace['nested'] | Record<string, protobuf.IField>) =>
  ({ fields }) as protobuf.IType;

const features = {
  StringFeatureType: message({}),
  ImageFeatureType: message({
    width: field('int64', 1),
    height: field('int64', 2),
    colorSpace: field('int32', 3),
  }),
  ArrayFeatureType: message({ shape: repeated('int64', 1), dataType: field('int32', 2) }),
  DictionaryFeatureType: message({ stringKeyType: field('StringFeatureType', 2) }),
  FeatureType: message({
    stringType: field('StringFeatureType', 3),
    imageType: field('ImageFeatureType', 4),
    multiArrayType: field('ArrayFeatureType', 5),
    dictionaryType: field('DictionaryFeatureType', 6),
  }),
  FeatureDescription: message({
    name: field('string', 1),
    shortDescription: field('string', 2),
    type: field('FeatureType', 3),
  }),
  Metadata: message({
    shortDescription: field('string', 1),
    userDefined: { keyType: 'string', type: 'string', id: 100 } as protobuf.IField,
  }),
  ModelDescription: message({
    input: repeated('FeatureDescription', 1),
    output: repeated('FeatureDescription', 10),
    predictedFeatureName: field('string', 11),
    predictedProbabilitiesName: field('string', 12),
    metadata: field('Metadata', 100),
  }),
  StringVector: message({ vector: repeated('string', 1) }),
};

const layers = {
  WeightParams: message({ floatValue: repeated('float', 1), float16Value: field('bytes', 2) }),
  EdgeSizes: message({ startEdgeSize: field('uint64', 1), endEdgeSize: field('uint64', 2) }),
  BorderAmounts: message({ borderAmounts: repeated('EdgeSizes', 10) }),
  ValidPadding: message({ paddingAmounts: field('BorderAmounts', 1) }),
  Convolution: message({
    outputChannels: field('uint64', 1),
    kernelChannels: field('uint64', 2),
    nGroups: field('uint64', 10),
    kernelSize: repeated('uint64', 20),
    stride: repeated('uint64', 30),
    valid: field('ValidPadding', 50),
    hasBias: field('bool', 70),
    weights: field('WeightParams', 90),
    bias: field('WeightParams', 91),
  }),
  None: message({}),
  Elu: message({ alpha: field('float', 1) }),
  Activation: message({ ReLU: field('None', 10), sigmoid: field('None', 40), ELU: field('Elu', 50) }),
  Upsample: message({
    scalingFactor: repeated('uint64', 1),
    mode: field('int32', 5),
    linearUpsampleMode: field('int32', 6),
    fractionalScalingFactor: repeated('float', 7),
  }),
  Broadcast: message({}),
  Gelu: message({ mode: field('int32', 1) }),
  Softmax: message({ axis: field('int64', 1) }),
  Concat: message({ axis: field('int64', 1) }),
  Transpose: message({ axes: repeated('uint64', 1) }),
  Slice: message({
    beginIds: repeated('int64', 1),
    beginMasks: repeated('bool', 2),
    endIds: repeated('int64', 3),
    endMasks: repeated('bool', 4),
    strides: repeated('int64', 5),
  }),
  MatMul: message({ transposeA: field('bool', 1), transposeB: field('bool', 2) }),
  Constant: message({ shape: repeated('uint64', 1), data: field('WeightParams', 2) }),
  Reshape: message({ targetShape: repeated('int64', 1) }),
  Reduction: message({ axes: repeated('int64', 1), keepDims: field('bool', 2) }),
  Layer: message({
    name: field('string', 1),
    input: repeated('string', 2),
    output: repeated('string', 3),
    convolution: field('Convolution', 100),
    activation: field('Activation', 130),
    upsample: field('Upsample', 210),
    gelu: field('Gelu', 795),
    addBroadcastable: field('Broadcast', 880),
    divideBroadcastable: field('Broadcast', 890),
    multiplyBroadcastable: field('Broadcast', 900),
    subtractBroadcastable: field('Broadcast', 905),
    softmaxND: field('Softmax', 950),
    concatND: field('Concat', 980),
    transpose: field('Transpose', 985),
    sliceStatic: field('Slice', 995),
    batchedMatmul: field('MatMul', 1045),
    loadConstantND: field('Constant', 1070),
    reshapeStatic: field('Reshape', 1140),
    reduceSum: field('Reduction', 1270),
    reduceMean: field('Reduction', 1280),
  }),
  NeuralNetwork: message({
    layers: repeated('Layer', 1),
    arrayInputShapeMapping: field('int32', 5),
    imageInputShapeMapping: field('int32', 6),
    stringClassLabels: field('StringVector', 100),
    labelProbabilityLayerName: field('string', 200),
  }),
};

const root = protobuf.Root.fromJSON({
  nested: {
    ...features,
    ...layers,
    Model: message({
      specificationVersion: field('int32', 1),
      description: field('ModelDescription', 2),
      neuralNetworkClassifier: field('NeuralNetwork', 403),
      neuralNetwork: field('NeuralNetwork', 500),
    }),
  },
});
const model = root.lookupType('Model');

export const RGB = 20;
export const FLOAT32 = 65568;
/** Shapes of inputs are taken as they are written: arrays of any rank, images as `[1, c, h, w]`. */
export const EXACT_ARRAYS = 1;
export const IMAGES_OF_RANK_4 = 1;
export const NEAREST = 0;
export const BILINEAR = 1;
/** Half-pixel centres. */
export const ALIGN_CORNERS_FALSE = 2;

/** Parameters of layers, by the name of the layer's field. */
export type LayerKind =
  | 'convolution'
  | 'activation'
  | 'upsample'
  | 'gelu'
  | 'addBroadcastable'
  | 'divideBroadcastable'
  | 'multiplyBroadcastable'
  | 'subtractBroadcastable'
  | 'softmaxND'
  | 'concatND'
  | 'transpose'
  | 'sliceStatic'
  | 'batchedMatmul'
  | 'loadConstantND'
  | 'reshapeStatic'
  | 'reduceSum'
  | 'reduceMean';

/** The bytes of an `.mlmodel` file. */
export function encodeCoreml(content: Readonly<Record<string, unknown>>): Uint8Array {
  return model.encode(content as unknown as protobuf.Message).finish();
}
