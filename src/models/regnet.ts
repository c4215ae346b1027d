import { randomWeights, type WeightSource } from '../layers/initial-weights.js';
import { modelDataConfig } from './model-config.js';
import { checkRegNet, regNetSpec, type RegNetConfig } from './regnet-config.js';
import { SpecModel } from './spec-model.js';

/** RegNetY: a teacher to distil from. */
export class RegNet extends SpecModel {
  private current: RegNetConfig;

  constructor(config: RegNetConfig, source: WeightSource = randomWeights(0)) {
    super(
      regNetSpec(config),
      {
        ...config,
        dataConfig: modelDataConfig(config),
      },
      source,
    );
    this.current = config;
  }

  get config(): RegNetConfig {
    return this.current;
  }

  override get numClasses(): number {
    return this.config.numClasses;
  }

  /** Gives the model another classifier with fresh weights (timm's `reset_classifier`); 0: none. */
  resetClassifier(numClasses: number, source: WeightSource = randomWeights(0)): void {
    const config = checkRegNet({ ...this.config, numClasses });
    this.replaceHead(regNetSpec(config), source);
    this.current = config;
  }
}
