import { UsageError } from '../errors.js';
import type { ModuleSpec } from '../layers/spec/module-spec.js';
import type { FuseMode } from '../layers/spec/primitives.js';
import { dataConfigOf } from './data-config.js';
import type { DataConfig } from './image-model.js';
import { parseModelName } from './names.js';
import { checkRecNext, resolveRecNext, type RecNextConfig, type RecNextOptions } from './recnext-config.js';
import { recNextSpec } from './recnext-spec.js';
import { checkRegNet, regNetSpec, resolveRegNet, type RegNetConfig } from './regnet-config.js';

/** A model of any family with everything resolved, as plain data. What can be said of it without TF.js is said here. */
export type ModelConfig = RecNextConfig | RegNetConfig;

/** Share of the resized short side that the published RecNeXt figures' crop takes. */
const RECNEXT_CROP = 0.875;

export function isRecNext(config: ModelConfig): config is RecNextConfig {
  return 'series' in config;
}

/** Resolves a name and options. Throws UsageError for an unknown name or what cannot be built. */
export function resolveModel(name: string, options: RecNextOptions = {}): ModelConfig {
  const parsed = parseModelName(name);
  if (parsed.family === 'recnext') return resolveRecNext(name, options);
  refuseRecNextOptions(name, options);
  return checkModel(resolveRegNet(parsed.variant, options));
}

/** The configuration itself. Throws UsageError for one that cannot be built. */
export function checkModel(config: ModelConfig): ModelConfig {
  return isRecNext(config) ? checkRecNext(config) : checkRegNet(config);
}

/** Options that only RecNeXt has must not vanish in silence. */
function refuseRecNextOptions(name: string, options: RecNextOptions): void {
  const only = ['distillation', 'dropPath', 'drop', 'embedDim', 'depth', 'mlpRatio', 'numHeads'] as const;
  const given = only.find((key) => Boolean(options[key]));
  if (given !== undefined) throw new UsageError(`${name} has no option "${given}": only RecNeXt has`);
}

export function modelSpec(config: ModelConfig): ModuleSpec {
  return isRecNext(config) ? recNextSpec(config) : regNetSpec(config);
}

export function modelDataConfig(config: ModelConfig): DataConfig {
  const cropPct = isRecNext(config) ? RECNEXT_CROP : config.cropPct;
  return dataConfigOf(config, cropPct, config.preprocessing);
}

/** How far a model's batch norms are folded away. */
export function fuseMode(config: ModelConfig): FuseMode {
  if (isRecNext(config)) return config.fuse;
  return config.fused ? 'full' : 'none';
}

/** The same model with its batch norms folded away. A fused model has one head: it does not distil. */
export function withFuseMode(config: ModelConfig, fuse: FuseMode): ModelConfig {
  return isRecNext(config)
    ? { ...config, fuse, distillation: fuse === 'none' && config.distillation }
    : { ...config, fused: fuse !== 'none' };
}

/** Channels of the last feature map. */
export function featuresOf(config: ModelConfig): number {
  return isRecNext(config) ? config.dims.at(-1)! : config.widths.at(-1)!;
}
