import { z } from 'zod';

/** Topics under which `recnext train --help` lists the options. */
export type OptionGroup =
  | 'Model and data'
  | 'Run'
  | 'Optimizer'
  | 'Schedule'
  | 'Moving average'
  | 'Augmentation'
  | 'Loss and distillation'
  | 'Regularisation'
  | 'Fine-tuning';

declare module 'zod' {
  interface GlobalMeta {
    group?: OptionGroup;
    /** What stands for the value in `--help`. */
    value?: string;
  }
}

const about = <T extends z.ZodType>(group: OptionGroup, description: string, schema: T, value?: string): T =>
  schema.meta({ group, description, ...(value !== undefined && { value }) });

const whole = (min: number) => z.int().min(min);
const share = z.number().min(0).max(1);
const range = (min: number) => z.tuple([z.number().min(min), z.number().min(min)]);

/**
 * A training run: every option of `recnext train`, with the reference's names (`batchSize` is `--batch-size`, and `batch-size` in a file) and the
 * reference's defaults (300 epochs on ImageNet-1K at 224 px). It is saved whole as the run folder's config.yaml.
 */
export const runConfigSchema = z.strictObject({
  model: about('Model and data', 'model to train (see `recnext info`)', z.string().min(1), 'name'),
  data: about('Model and data', 'training images', z.string().min(1), 'source'),
  val: about(
    'Model and data',
    'validation images, scored after every epoch',
    z.string().optional(),
    'source',
  ),
  numClasses: about('Model and data', 'classes (default: as in the data)', whole(2).optional()),
  inputSize: about('Model and data', 'side of the square input in pixels', whole(16).default(224)),

  epochs: about('Run', 'passes over the training images', whole(1).default(300)),
  batchSize: about('Run', 'images of one step', whole(1).default(256)),
  saveFreq: about('Run', 'epochs from one checkpoint to the next', whole(1).default(1)),
  outputDir: about(
    'Run',
    'run folder (default: checkpoints/MODEL/DATE)',
    z.string().min(1).optional(),
    'dir',
  ),
  seed: about('Run', 'seed of every random choice', whole(0).default(0)),

  opt: about('Optimizer', 'optimizer', z.enum(['adamw']).default('adamw')),
  optEps: about('Optimizer', 'epsilon of the optimizer', z.number().positive().default(1e-8)),
  optBetas: about('Optimizer', 'decay of the moments', z.tuple([share, share]).default([0.9, 0.999])),
  weightDecay: about('Optimizer', 'decoupled weight decay', z.number().min(0).default(0.025)),
  clipGrad: about('Optimizer', 'gradient clipping factor; 0: none', z.number().min(0).default(0.02)),
  clipMode: about('Optimizer', 'how gradients are clipped', z.enum(['agc', 'norm', 'value']).default('agc')),

  sched: about('Schedule', 'learning-rate schedule', z.enum(['cosine']).default('cosine')),
  lr: about(
    'Schedule',
    'learning rate for a batch of 512; scaled by batch / 512',
    z.number().min(0).default(1e-3),
  ),
  warmupLr: about('Schedule', 'learning rate the warm-up starts at', z.number().min(0).default(1e-6)),
  minLr: about('Schedule', 'learning rate the cosine ends at', z.number().min(0).default(1e-5)),
  warmupEpochs: about('Schedule', 'epochs of linear warm-up', whole(0).default(5)),

  modelEma: about('Moving average', 'keep a moving average of the weights', z.boolean().default(true)),
  modelEmaDecay: about('Moving average', 'its decay', share.default(0.99996)),

  scale: about('Augmentation', 'area of the random crop, from and to', range(0).default([0.08, 1])),
  ratio: about('Augmentation', 'aspect ratio of the random crop', range(0.01).default([3 / 4, 4 / 3])),
  hflip: about('Augmentation', 'probability of a horizontal flip', share.default(0.5)),

  smoothing: about('Loss and distillation', 'label smoothing', share.default(0.1)),
  distillationType: about(
    'Loss and distillation',
    'what the second head learns from the teacher (default: hard with a teacher, none without)',
    z.enum(['none', 'hard', 'soft']).optional(),
  ),
  distillationAlpha: about('Loss and distillation', 'weight of the distillation loss', share.default(0.5)),
  distillationTau: about(
    'Loss and distillation',
    'temperature of soft distillation',
    z.number().positive().default(1),
  ),
  teacherModel: about(
    'Loss and distillation',
    'model of the teacher (default: as its weights say)',
    z.string().optional(),
    'name',
  ),
  teacherPath: about('Loss and distillation', 'weights of the teacher', z.string().optional(), 'weights'),

  drop: about('Regularisation', 'dropout before the classifier', z.number().min(0).lt(1).default(0)),
  dropPath: about(
    'Regularisation',
    'stochastic depth (default: of the variant, 0 when distilling)',
    z.number().min(0).lt(1).optional(),
  ),

  finetune: about('Fine-tuning', 'weights to start from', z.string().optional(), 'weights'),
  setBnEval: about(
    'Fine-tuning',
    'keep the running statistics of batch norms as they are',
    z.boolean().default(false),
  ),
});

/** What a user may write; defaults fill the rest. */
export type RunConfigInput = z.input<typeof runConfigSchema>;
export type RunConfig = z.output<typeof runConfigSchema>;
export type RunConfigKey = keyof RunConfig;

/** `batchSize` → `batch-size`: the name on the command line and in files. */
export function optionName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
