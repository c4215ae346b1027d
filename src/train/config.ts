import { z } from 'zod';
import { BYTE_SIZE } from '../data/byte-size.js';
import { LAYOUTS, NORMALISATIONS } from './teacher/names.js';

/** Topics under which `recnext train --help` lists the options. */
export type OptionGroup =
  | 'Model and data'
  | 'Run'
  | 'To watch it'
  | 'Optimizer'
  | 'Schedule'
  | 'Moving average'
  | 'Augmentation'
  | 'Mixing'
  | 'Loss and distillation'
  | 'Regularisation'
  | 'Fine-tuning'
  | 'Safety';

declare module 'zod' {
  interface GlobalMeta {
    group?: OptionGroup;
    /** What stands for the value in `--help`. */
    value?: string;
  }
}

const about = <T extends z.ZodType>(group: OptionGroup, description: string, schema: T, value?: string): T =>
  schema.meta({ group, description, ...(value !== undefined && { value }) });

const text = z.string().min(1);
const positive = z.number().min(0);
const beta = z.number().min(0).lt(1);
const whole = (min: number) => z.int().min(min);
const share = z.number().min(0).max(1);
const above0 = z.number().positive();
const perChannel = z.tuple([z.number(), z.number(), z.number()]);
const range = (min: number) => z.tuple([z.number().min(min), z.number().min(min)]);

/**
 * A training run: every option of `recnext train`, with the reference's names (`batchSize` is `--batch-size`, and `batch-size` in a file) and the
 * reference's defaults (300 epochs on ImageNet-1K at 224 px). It is saved whole as the run folder's config.yaml.
 */
export const runConfigSchema = z.strictObject({
  model: about('Model and data', 'model to train (see `recnext info`)', z.string().min(1), 'name'),
  data: about('Model and data', 'training images', text, 'source'),
  val: about(
    'Model and data',
    'validation images, scored after every epoch',
    z.string().optional(),
    'source',
  ),
  valSplit: about(
    'Model and data',
    'share of the training images to keep apart for validation, where there are no others; 0: none',
    z.number().min(0).lt(1).default(0),
  ),
  numClasses: about('Model and data', 'classes (default: as in the data)', whole(2).optional()),
  workers: about(
    'Model and data',
    'threads that decode and augment images, 0: the main one; they change nothing but the speed (default: by the processors)',
    whole(0).max(256).optional(),
  ),
  cacheDir: about(
    'Model and data',
    'folder for shards that are fetched, and lists of samples (default: RECNEXT_CACHE)',
    text.optional(),
    'folder',
  ),
  cacheLimit: about(
    'Model and data',
    'what fetched shards may take there, as 200G (default: 50 GB)',
    z.string().regex(BYTE_SIZE, 'expected a number of bytes, as 512M or 200G').optional(),
    'bytes',
  ),
  onError: about(
    'Model and data',
    'at a training image that cannot be read: skip it, the next one of the data stands in its place, or fail',
    z.enum(['skip', 'fail']).default('skip'),
  ),
  inputSize: about('Model and data', 'side of the square input in pixels', whole(16).default(224)),
  progressive: about(
    'Model and data',
    'sides of the training images from given epochs on, as 0:160 6:176 12:192 (default: the input size)',
    z.array(z.string().regex(/^\d+:\d+$/, 'expected EPOCH:SIZE')).optional(),
    'epoch:size',
  ),

  epochs: about('Run', 'passes over the training images', whole(1).default(300)),
  batchSize: about('Run', 'images of one step', whole(1).default(256)),
  gradAccumSteps: about('Run', 'batches whose gradients make one update', whole(1).default(1)),
  saveFreq: about('Run', 'epochs from one checkpoint to the next', whole(1).default(1)),
  saveSteps: about('Run', 'also a checkpoint every n batches', whole(1).optional()),
  checkpointHist: about('Run', 'checkpoints to keep', whole(1).default(3)),
  patience: about(
    'Run',
    'end the run after n epochs without a better validation top-1 (default: never)',
    whole(1).optional(),
  ),
  outputDir: about('Run', 'run folder (default: checkpoints/MODEL/DATE)', text.optional(), 'dir'),
  seed: about('Run', 'seed of every random choice', whole(0).default(0)),
  compat: about(
    'Run',
    "reference: keep the slips of the reference's training script, which are repaired otherwise",
    z.enum(['reference']).optional(),
  ),

  tensorboard: about('To watch it', 'write events for TensorBoard', z.boolean().default(true)),
  tbHistograms: about(
    'To watch it',
    'write histograms of the weights for TensorBoard after every epoch',
    z.boolean().default(false),
  ),
  tbImages: about(
    'To watch it',
    'pictures of the first batch, as the model sees them, for TensorBoard',
    whole(0).default(0),
  ),

  opt: about('Optimizer', 'optimizer', z.enum(['adamw', 'sgd', 'lamb', 'lion']).default('adamw')),
  optEps: about('Optimizer', 'epsilon of AdamW and LAMB', z.number().positive().default(1e-8)),
  optBetas: about(
    'Optimizer',
    'decay of the moments (default: 0.9 0.999; lion: 0.9 0.99)',
    z.tuple([beta, beta]).optional(),
  ),
  momentum: about('Optimizer', 'momentum of SGD', beta.default(0.9)),
  weightDecay: about('Optimizer', 'weight decay', positive.default(0.025)),
  decayExclude: about(
    'Optimizer',
    'modules or parameters without weight decay, beside vectors and biases (* stands for any characters)',
    z.array(text).optional(),
    'name',
  ),
  layerDecay: about(
    'Optimizer',
    'factor of the learning rate from a block to the one before it (default: none)',
    z.number().gt(0).max(1).optional(),
  ),
  clipGrad: about('Optimizer', 'gradient clipping factor; 0: none', positive.default(0.02)),
  clipMode: about('Optimizer', 'how gradients are clipped', z.enum(['agc', 'norm', 'value']).default('agc')),

  sched: about('Schedule', 'learning-rate schedule', z.enum(['cosine']).default('cosine')),
  lr: about(
    'Schedule',
    'learning rate for 512 images an update; scaled by their number',
    positive.default(1e-3),
  ),
  warmupLr: about('Schedule', 'learning rate the warm-up starts at', positive.default(1e-6)),
  minLr: about('Schedule', 'learning rate the cosine ends at', positive.default(1e-5)),
  warmupEpochs: about('Schedule', 'epochs of linear warm-up', whole(0).default(5)),
  cooldownEpochs: about(
    'Schedule',
    "epochs at the last learning rate that the reference's schedule adds after the run's end, and never reaches",
    whole(0).default(10),
  ),

  modelEma: about('Moving average', 'keep a moving average of the weights', z.boolean().default(true)),
  modelEmaDecay: about('Moving average', 'its decay', share.default(0.99996)),

  aa: about(
    'Augmentation',
    'RandAugment policy; none for no automatic augmentation',
    z.string().default('rand-m9-mstd0.5-inc1'),
    'policy',
  ),
  colorJitter: about('Augmentation', 'strength of colour changes, where --aa is none', positive.default(0.4)),
  trainInterpolation: about(
    'Augmentation',
    'resampling of training images',
    z.enum(['random', 'bilinear', 'bicubic']).default('bicubic'),
  ),
  repeatedAug: about('Augmentation', 'show three views of an image in an epoch', z.boolean().default(true)),
  threeAugment: about(
    'Augmentation',
    "use DeiT III's three augmentations instead",
    z.boolean().default(false),
  ),
  scale: about('Augmentation', 'area of the random crop, from and to', range(0).default([0.08, 1])),
  ratio: about('Augmentation', 'aspect ratio of the random crop', range(0.01).default([3 / 4, 4 / 3])),
  hflip: about('Augmentation', 'probability of a horizontal flip', share.default(0.5)),
  reprob: about('Augmentation', 'probability of random erasing', share.default(0.25)),
  remode: about(
    'Augmentation',
    'what erased pixels become',
    z.enum(['pixel', 'rand', 'const']).default('pixel'),
  ),
  recount: about('Augmentation', 'most rectangles erased of an image', whole(1).default(1)),
  resplit: about(
    'Augmentation',
    'leave the first augmentation split unerased (without effect: there are no splits, as in the reference)',
    z.boolean().default(false),
  ),

  mixup: about('Mixing', 'alpha of Mixup; 0: none', positive.default(0.8)),
  cutmix: about('Mixing', 'alpha of CutMix; 0: none', positive.default(1)),
  cutmixMinmax: about(
    'Mixing',
    'smallest and largest side of a CutMix box as a share of the image, in place of alpha',
    z.tuple([share, share]).optional(),
  ),
  mixupProb: about('Mixing', 'probability of mixing a batch', share.default(1)),
  mixupSwitchProb: about('Mixing', 'probability of CutMix where both are on', share.default(0.5)),
  mixupMode: about('Mixing', 'what is drawn once', z.enum(['batch', 'pair', 'elem']).default('batch')),
  mixupOffEpoch: about('Mixing', 'mix no more from this epoch on; 0: always mix', whole(0).default(0)),

  smoothing: about('Loss and distillation', 'label smoothing', share.default(0.1)),
  classWeights: about(
    'Loss and distillation',
    'weights of the classes in the loss: balanced (by their numbers of images), or a YAML file with a number for each',
    text.optional(),
    'balanced|file',
  ),
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
    'model of the teacher (default, and auto: as its weights say)',
    z.string().optional(),
    'name',
  ),
  teacherPath: about(
    'Loss and distillation',
    'the teacher: weights of a RecNeXt or RegNetY, a TF.js GraphModel or LayersModel, a SavedModel, an ONNX file',
    text.optional(),
    'weights',
  ),
  teacherNorm: about(
    'Loss and distillation',
    "how the teacher's images are normalised; none: as the student's (default: as its file says, else imagenet)",
    z.enum(NORMALISATIONS).optional(),
  ),
  teacherMean: about(
    'Loss and distillation',
    'the same as means of the channels, pixels from 0 to 1; with --teacher-std',
    perChannel.optional(),
  ),
  teacherStd: about(
    'Loss and distillation',
    'and their deviations',
    z.tuple([above0, above0, above0]).optional(),
  ),
  teacherLayout: about(
    'Loss and distillation',
    "axes of the teacher's images, where its file does not say",
    z.enum(LAYOUTS).optional(),
  ),
  teacherClasses: about(
    'Loss and distillation',
    "names of the teacher's outputs, a line each, where they are not the data's classes; or YAML of the data's classes and their outputs",
    text.optional(),
    'file',
  ),
  teacherCache: about(
    'Loss and distillation',
    'folder that keeps what the teacher says: it runs once, and later runs on the same batches need no teacher (see `recnext teach`)',
    text.optional(),
    'dir',
  ),
  teacherCacheCheck: about(
    'Loss and distillation',
    'compare n batches of the teacher cache with the teacher first',
    whole(0).default(0),
  ),
  teacherTopk: about(
    'Loss and distillation',
    'logits of an image that the cache keeps for soft distillation; the others become their mean (default: all, which is exact)',
    whole(1).optional(),
  ),
  teacherCacheType: about(
    'Loss and distillation',
    'type of the logits in the cache',
    z.enum(['float32', 'float16']).default('float32'),
  ),

  drop: about('Regularisation', 'dropout before the classifier', beta.default(0)),
  dropPath: about(
    'Regularisation',
    'stochastic depth (default: of the variant, 0 when distilling)',
    beta.optional(),
  ),

  finetune: about('Fine-tuning', 'weights to start from', z.string().optional(), 'weights'),
  freeze: about(
    'Fine-tuning',
    'modules or parameters that do not learn (stem, stages.0; * stands for any characters)',
    z.array(text).optional(),
    'name',
  ),
  setBnEval: about(
    'Fine-tuning',
    'keep the running statistics of batch norms as they are',
    z.boolean().default(false),
  ),

  onNan: about(
    'Safety',
    'at a loss that is not a number: stop, skip the batch, or roll back to the last checkpoint and skip it there',
    z.enum(['stop', 'skip', 'rollback']).default('stop'),
  ),
  overfitBatches: about(
    'Safety',
    'train and validate on the first n batches alone, unaugmented: a model that works learns them by heart',
    whole(1).optional(),
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
