import type * as tf from '@tensorflow/tfjs';
import { CostReport } from '../layers/spec/module-spec.js';
import type { DataConfig, ForwardContext } from './image-model.js';
import type { SpecModel } from './spec-model.js';
import { stageIndices } from './stage-indices.js';
import type { StateDict } from './state-dict.js';

/** What a feature map is. */
export interface FeatureInfo {
  readonly stage: number;
  readonly channels: number;
  /**
   * Input pixels from one position to the next. These are the true ones: for T, S and B timm's `feature_info` says
   * 4, 8, 16, 32 where they are 8, 16, 32, 64.
   */
  readonly reduction: number;
}

/** A backbone that gives the maps of its stages (timm's `features_only=True`). */
export class FeatureExtractor {
  readonly featureInfo: readonly FeatureInfo[];
  private readonly stages: readonly number[];

  /**
   * @param model built without a classifier; belongs to the extractor from here on
   * @param outIndices stages, counted from 0 or, negative, from the end. Default: all
   * @throws UsageError for a stage that the model does not have
   */
  constructor(
    private readonly model: SpecModel,
    outIndices?: readonly number[],
  ) {
    const paths = model.spec.children.map(([name]) => name).slice(1, -1);
    this.stages = stageIndices(outIndices, paths.length, model.name);
    const report = new CostReport();
    const [channels, height, width] = model.dataConfig.inputSize;
    model.spec.cost({ height, width, channels, stride: 1, field: 1 }, report);
    this.featureInfo = this.stages.map((stage) => {
      const feature = report.features.get(paths[stage]!)!;
      return { stage, channels: feature.channels, reduction: feature.stride };
    });
  }

  get dataConfig(): DataConfig {
    return this.model.dataConfig;
  }

  /** The maps of the chosen stages, `[b, h, w, c]` each. */
  forward(x: tf.Tensor4D, context: ForwardContext = {}): tf.Tensor4D[] {
    const { features, intermediates } = this.model.forwardIntermediates(x, {
      ...context,
      indices: this.stages,
    });
    features.dispose();
    return intermediates;
  }

  /** Weights under the names timm's wrapper gives them: `stages_0` instead of `stages.0`. */
  stateDict(): StateDict {
    const state = this.model.stateDict();
    return new Map(
      [...state].map(([name, tensor]) => [name.replace(/^stages\.(\d+)\./, 'stages_$1.'), tensor]),
    );
  }

  /** Takes weights under timm's names or the model's own; a classifier among them is left out. */
  loadStateDict(weights: StateDict, options: { strict?: boolean; source?: string } = {}): void {
    const own = [...weights].filter(([name]) => !name.startsWith('head.'));
    this.model.loadStateDict(
      new Map(own.map(([name, tensor]) => [name.replace(/^stages_(\d+)\./, 'stages.$1.'), tensor])),
      options,
    );
  }

  dispose(): void {
    this.model.dispose();
  }
}
