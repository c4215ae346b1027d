/** The layers of RecNeXt. Importing this makes them known to `tf.loadLayersModel`. */
export { ABlock, MBlock } from './blocks.js';
export { BatchNorm } from './batch-norm.js';
export { ConvNorm } from './conv-norm.js';
export { Downsample, GroupedDownsample } from './downsample.js';
export { Head } from './head.js';
export { LinearAttention } from './linear-attention.js';
export { Mlp } from './mlp.js';
export { ModuleLayer } from './module-layer.js';
export { NormLinear } from './norm-linear.js';
export { PaddedConv2d } from './padded-conv2d.js';
export { RecAttn2d } from './rec-attn2d.js';
export { RecConv2d } from './rec-conv2d.js';
export { RepVggDw } from './rep-vgg-dw.js';
export { SplitMixer } from './split-mixer.js';
export { Stage } from './stage.js';
export { Stem } from './stem.js';
export { TBlock } from './t-block.js';
export type { ForwardContext } from './forward-context.js';
