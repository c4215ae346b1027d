import {
  CostReport,
  countParameters,
  type CostEntry,
  type CostKind,
  type Feature,
  type ModuleSpec,
} from '../layers/spec/module-spec.js';
import { modelSpec, resolveModel, withFuseMode, type ModelConfig } from './model-config.js';
import { published, type Published } from './published.js';
import type { RecNextConfig, RecNextOptions } from './recnext-config.js';

export interface ModelSummary {
  readonly name: string;
  /** Learnable parameters as trained / fused in the reference's form (what the published table counts). */
  readonly params: number;
  readonly paramsFused: number;
  /** Operations of one image, fused in the reference's form, as fvcore counts them (what the published table counts). */
  readonly macs: number;
  readonly macsByKind: Partial<Record<CostKind, number>>;
  readonly imgSize: readonly [height: number, width: number];
  readonly published: Published | undefined;
}

/** Parameters and operations of a model, from its description alone: nothing is built. */
export function summarise(name: string, options: RecNextOptions = {}): ModelSummary {
  const { config, plain, fused } = describeModel(name, options);
  const { entries } = modelCosts(fused, config);
  const macsByKind: Partial<Record<CostKind, number>> = {};
  for (const { kind, macs } of entries) macsByKind[kind] = (macsByKind[kind] ?? 0) + macs;
  return {
    name: config.name,
    params: countParameters(plain),
    paramsFused: countParameters(fused),
    macs: entries.reduce((sum, { macs }) => sum + macs, 0),
    macsByKind,
    imgSize: config.imgSize,
    published: published(config.name),
  };
}

/** A model's configuration and descriptions, unfused and fused in the reference's form. */
export interface Described {
  readonly config: ModelConfig;
  readonly plain: ModuleSpec;
  readonly fused: ModuleSpec;
}

export function describeModel(name: string, options: RecNextOptions): Described {
  const config = resolveModel(name, options);
  return {
    config,
    plain: modelSpec(withFuseMode(config, 'none')),
    fused: modelSpec(withFuseMode(config, 'reference')),
  };
}

export interface ModelCosts {
  readonly entries: readonly CostEntry[];
  /** Feature map after each module, by checkpoint name. */
  readonly features: ReadonlyMap<string, Feature>;
}

/** What each module of a model costs for one image of the configured size. */
export function modelCosts(
  spec: ModuleSpec,
  { imgSize, inChans }: Pick<RecNextConfig, 'imgSize' | 'inChans'>,
): ModelCosts {
  const report = new CostReport();
  const [height, width] = imgSize;
  spec.cost({ height, width, channels: inChans, stride: 1, field: 1 }, report);
  return { entries: report.entries, features: report.features };
}
