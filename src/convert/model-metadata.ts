import { z } from 'zod';
import type { FuseMode } from '../layers/spec/primitives.js';
import type { Preprocessing } from '../models/image-model.js';
import { checkModel, type ModelConfig } from '../models/model-config.js';
import { CheckpointError } from './checkpoint-error.js';

const whole = z.number().int().nonnegative().max(1_000_000);
const list = z.array(z.number().nonnegative().max(1_000_000)).max(16);
/** Widths and depths of every model there is stay far below; beyond is no model but an attack on memory. */
const widths = z.array(z.number().int().positive().max(8192)).length(4);
const depths = z.array(z.number().int().nonnegative().max(200)).length(4);
const side = z.number().int().positive().max(65536);
const fuse = z.enum(['none', 'reference', 'full'] satisfies FuseMode[]);
const numberList = z.array(z.number().finite()).min(1).max(1000);
const INTERPOLATIONS = ['bicubic', 'bilinear', 'lanczos', 'nearest', 'box', 'hamming'] as const;
const CROP_MODES = ['center', 'squash', 'border'] as const;
const preprocessing = z
  .object({
    mean: numberList,
    std: z.array(z.number().positive().finite()).min(1).max(1000),
    interpolation: z.enum(INTERPOLATIONS),
    cropPct: z.number().positive().max(1),
    cropMode: z.enum(CROP_MODES),
  })
  .partial();

const common = {
  name: z.string().max(100),
  numClasses: whole,
  inChans: whole.positive(),
  imgSize: z.tuple([side, side]),
  preprocessing: preprocessing.optional(),
};

const recNext = z.object({
  ...common,
  series: z.enum(['m', 'a', 't']),
  dims: widths,
  depths,
  mlpRatios: z.array(z.number().positive().max(64)).length(4),
  heads: list,
  shareChannel: z.boolean(),
  distillation: z.boolean(),
  dropPath: z.number().min(0).max(0.999),
  drop: z.number().min(0).max(0.999),
  fuse,
});

const regNet = z.object({
  ...common,
  widths,
  depths,
  groupWidth: whole.positive(),
  cropPct: z.number(),
  fused: z.boolean(),
});

/** What `metadataOf` (write/model-metadata.ts) writes about the model of a file. */
const schema = z.object({
  format: z.literal(1),
  config: z.union([recNext, regNet]),
  classNames: z.array(z.string()).optional(),
});

export interface ModelMetadata {
  readonly config: ModelConfig;
  readonly classNames: readonly string[] | undefined;
}

/** What a timm-style config.json says beside the model's name. */
export interface FolderConfig {
  readonly classNames: readonly string[] | undefined;
  readonly imgSize: readonly [height: number, width: number] | undefined;
  readonly preprocessing: Preprocessing;
  /** Preprocessing it asks for that this toolkit does not know. */
  readonly unknown: readonly string[];
}

/** Takes what this toolkit knows out of a timm-style config.json; anything else in it is left aside. */
export function parseFolderConfig(config: unknown): FolderConfig {
  return { classNames: classNamesOf(config), imgSize: imageSizeOf(config), ...preprocessingOf(config) };
}

/** Takes the metadata out of a model.json. Throws CheckpointError where it is not as this toolkit writes it. */
export function parseMetadata(modelJson: unknown, where: string): ModelMetadata {
  const { userDefinedMetadata } = modelJson as { userDefinedMetadata?: { recnext?: unknown } };
  if (userDefinedMetadata?.recnext === undefined) {
    throw new CheckpointError(
      'unsupported',
      where,
      'a TF.js model that this toolkit did not write (userDefinedMetadata.recnext is missing): give the checkpoint it was made from',
    );
  }
  const parsed = schema.safeParse(userDefinedMetadata.recnext);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CheckpointError(
      'corrupt',
      where,
      `userDefinedMetadata.recnext.${issue?.path.join('.')}: ${issue?.message}`,
    );
  }
  return { config: checkModel(parsed.data.config), classNames: parsed.data.classNames };
}

/** Class names from a timm-style config.json (`label_names`), or undefined. */
function classNamesOf(config: unknown): readonly string[] | undefined {
  const parsed = z.object({ label_names: z.array(z.string()) }).safeParse(config);
  return parsed.success ? parsed.data.label_names : undefined;
}

/** The image size of a timm-style config.json (`pretrained_cfg.input_size`), or undefined. */
function imageSizeOf(config: unknown): readonly [height: number, width: number] | undefined {
  const side = whole.positive();
  const parsed = z
    .object({ pretrained_cfg: z.object({ input_size: z.tuple([side, side, side]) }) })
    .safeParse(config);
  if (!parsed.success) return undefined;
  const [, height, width] = parsed.data.pretrained_cfg.input_size;
  return [height, width];
}

/** How a timm-style config.json (`pretrained_cfg`) wants images, and what of it this toolkit does not know. */
function preprocessingOf(config: unknown): {
  preprocessing: Preprocessing;
  unknown: readonly string[];
} {
  const cfg = z.object({ pretrained_cfg: z.record(z.string(), z.unknown()) }).safeParse(config);
  if (!cfg.success) return { preprocessing: {}, unknown: [] };
  const found: Record<string, unknown> = {};
  const unknown: string[] = [];
  for (const [theirs, ours] of Object.entries(TIMM_KEYS)) {
    const value = cfg.data.pretrained_cfg[theirs];
    if (value === undefined || value === null) continue;
    if (preprocessing.shape[ours].safeParse(value).success) found[ours] = value;
    else unknown.push(`${theirs} ${JSON.stringify(value)}`);
  }
  return { preprocessing: found, unknown };
}

/** timm's names of what `preprocessing` holds. */
const TIMM_KEYS = {
  mean: 'mean',
  std: 'std',
  interpolation: 'interpolation',
  crop_pct: 'cropPct',
  crop_mode: 'cropMode',
} as const;
