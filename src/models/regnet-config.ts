import { childCost, type ModuleSpec } from '../layers/spec/module-spec.js';
import type { FuseMode } from '../layers/spec/primitives.js';
import { bnConv, fcHead, regNetStage } from '../layers/spec/regnet.js';
import type { Preprocessing } from './image-model.js';
import { checkSizes } from './check-sizes.js';
import type { RegNetVariant } from './variants.js';
import { UsageError } from '../errors.js';

const STEM_WIDTH = 32;

export interface RegNetConfig extends RegNetVariant {
  readonly numClasses: number;
  readonly inChans: number;
  readonly imgSize: readonly [number, number];
  readonly fused: boolean;
  readonly preprocessing?: Preprocessing;
}

export function regNetSpec(config: RegNetConfig): ModuleSpec {
  const { widths, depths, groupWidth, fused } = config;
  const spec: ModuleSpec = {
    type: 'RegNet',
    args: config,
    weights: [],
    children: [
      [
        'stem',
        bnConv({
          inChannels: config.inChans,
          outChannels: STEM_WIDTH,
          kernel: 3,
          stride: 2,
          groups: 1,
          activation: 'relu',
          fused,
        }),
      ],
      ...widths.map((outChannels, i): [string, ModuleSpec] => [
        `s${i + 1}`,
        regNetStage({
          blocks: Array.from({ length: depths[i]! }, (_, block) => ({
            inChannels: block > 0 ? outChannels : (widths[i - 1] ?? STEM_WIDTH),
            outChannels,
            stride: block === 0 ? 2 : 1,
            groupWidth,
            fused,
          })),
        }),
      ]),
      ['head', fcHead({ inFeatures: widths.at(-1)!, numClasses: config.numClasses })],
    ],
    cost: (input, report) =>
      spec.children.reduce((feature, [name]) => childCost(spec, name, feature, report), input),
  };
  return spec;
}

export interface RegNetOptions {
  numClasses?: number;
  inChans?: number;
  imgSize?: number | readonly [number, number];
  /** Batch norms folded away. Default `none`; both other modes are the same here. */
  fuse?: FuseMode;
  preprocessing?: Preprocessing;
}

export function resolveRegNet(variant: RegNetVariant, options: RegNetOptions = {}): RegNetConfig {
  const { numClasses = 1000, inChans = 3, imgSize = 224, fuse = 'none', preprocessing } = options;
  return {
    ...variant,
    numClasses,
    inChans,
    imgSize: typeof imgSize === 'number' ? [imgSize, imgSize] : imgSize,
    fused: fuse !== 'none',
    ...(preprocessing === undefined ? {} : { preprocessing }),
  };
}

/** The configuration itself. Throws UsageError for one that cannot be built. */
export function checkRegNet(config: RegNetConfig): RegNetConfig {
  const { name, widths, groupWidth } = config;
  checkSizes(config);
  const odd = widths.find((width) => width % groupWidth !== 0);
  if (odd !== undefined)
    throw new UsageError(`${name}: width ${odd} must be divisible by the group width ${groupWidth}`);
  return config;
}
