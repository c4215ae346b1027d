import { randomWeights, type WeightSource } from '../layers/initial-weights.js';
import { IMAGENET_MEAN, IMAGENET_STD } from './data-config.js';
import { regNetSpec, type RegNetConfig } from './regnet-config.js';
import { SpecModel } from './spec-model.js';

/** RegNetY: a teacher to distil from. */
export class RegNet extends SpecModel {
  readonly config: RegNetConfig;

  constructor(config: RegNetConfig, source: WeightSource = randomWeights(0)) {
    super(
      regNetSpec(config),
      {
        ...config,
        dataConfig: {
          inputSize: [config.inChans, ...config.imgSize],
          mean: [...IMAGENET_MEAN],
          std: [...IMAGENET_STD],
          interpolation: 'bicubic',
          cropPct: config.cropPct,
          cropMode: 'center',
        },
      },
      source,
    );
    this.config = config;
  }
}
