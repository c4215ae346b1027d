import type { WeightSource } from '../layers/initial-weights.js';
import { isRecNext, type ModelConfig } from './model-config.js';
import { RecNext } from './recnext.js';
import { RegNet } from './regnet.js';

/** Builds the model of a configuration. */
export function modelFrom(config: ModelConfig, source: WeightSource): RecNext | RegNet {
  return isRecNext(config) ? new RecNext(config, source) : new RegNet(config, source);
}
