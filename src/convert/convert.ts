import * as tf from '@tensorflow/tfjs';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, UserError } from '../errors.js';
import { fuseOf, replaceBatchnorm, type RecNext, type RegNet } from '../models/index.js';
import { writeFileAtomic } from '../runtime/files.js';
import { writeFolder } from '../runtime/write-folder.js';
import { writeSafetensors, writeTorch } from './files.js';
import { layersModelFiles, type LayersModelOptions } from './layers-model.js';
import { loadModel, type LoadOptions } from './load-weights.js';
import type { Quantization } from './write/quantize.js';
import { timmConfig } from './write/timm-config.js';

export const TARGETS = ['layers', 'safetensors', 'pth'] as const;
export type Target = (typeof TARGETS)[number];

export interface ConvertOptions extends LoadOptions {
  /** Folder to write. */
  output: string;
  /** Default `layers`: a TF.js LayersModel. */
  to?: Target;
  /** Fold batch norms: all of them (`full`) or as the reference does. Default: leave them. */
  fuse?: 'full' | 'reference';
  /** Store the weights of a LayersModel in fewer bytes. Default: float32. */
  quantize?: Quantization;
  /** Largest weight file of a LayersModel, bytes. Default 4 MiB. */
  shardBytes?: number;
  /** Names of the classes, to be kept beside the weights. Default: those the weights come with. */
  classNames?: readonly string[];
}

export interface ConvertResult {
  readonly model: string;
  readonly numClasses: number;
  readonly params: number;
  /** Form of the written model. */
  readonly fused: string;
  /** Largest difference of the logits, written model against the one that was read, on a random image. */
  readonly maxAbsDiff: number;
  /** The same, relative to the largest logit. */
  readonly maxRelDiff: number;
  readonly bytes: number;
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

/** Beyond rounding: something is wrong, and nothing is written. Quantised weights may differ as much as they do. */
const LIMIT = 1e-3;

/**
 * Reads a checkpoint, folds its batch norms if asked to, and writes it in another form. What was written is read back
 * and compared with what was read on a random image before it gets its name.
 */
export async function convertCheckpoint(options: ConvertOptions): Promise<ConvertResult> {
  const { output, to = 'layers', quantize } = options;
  if (to !== 'layers' && (quantize ?? options.shardBytes) !== undefined) {
    throw new UsageError(`--quantize and --shard-size are for --to layers, found --to ${to}`);
  }
  await refuseForeignFolder(output);
  const { model, classNames = options.classNames, notes } = await loadModel(options);
  const names = checkNames(options.classNames ?? classNames, model.numClasses);
  const written = options.fuse === undefined ? model : replaceBatchnorm(model, options.fuse);
  let difference = { abs: 0, rel: 0 };
  await writeFolder(
    output,
    async (folder) => {
      await writeModel(written, folder, to, { ...options, classNames: names });
      difference = await compareWithWritten(model, folder, quantize === undefined ? LIMIT : Infinity);
    },
    { replace: true },
  );
  const files = await readdir(output);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(output, file))).size));
  const result = {
    model: model.name,
    numClasses: model.numClasses,
    params: [...written.parameters.values()].reduce((sum, { size }) => sum + size, 0),
    fused: fuseOf(written),
    maxAbsDiff: difference.abs,
    maxRelDiff: difference.rel,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    files: files.map((file) => join(output, file)),
    notes,
  };
  for (const built of new Set([model, written])) built.dispose();
  return result;
}

/** Files of a model in `folder`; every form has the class names where there are any. */
async function writeModel(
  model: RecNext | RegNet,
  folder: string,
  to: Target,
  options: LayersModelOptions,
): Promise<void> {
  const { classNames } = options;
  if (classNames !== undefined)
    await writeFileAtomic(join(folder, 'classes.txt'), classNames.join('\n') + '\n');
  if (to === 'layers') {
    for (const { name, data } of await layersModelFiles(model, options))
      await writeFileAtomic(join(folder, name), data);
    return;
  }
  await writeFileAtomic(
    join(folder, 'config.json'),
    JSON.stringify(timmConfig(model, classNames), null, 2) + '\n',
  );
  if (to === 'safetensors')
    await writeSafetensors(join(folder, 'model.safetensors'), model.stateDict(), { format: 'pt' });
  else await writeTorch(join(folder, 'pytorch_model.bin'), model.stateDict());
}

async function compareWithWritten(
  model: RecNext | RegNet,
  folder: string,
  limit: number,
): Promise<{ abs: number; rel: number }> {
  const [channels, height, width] = model.dataConfig.inputSize;
  const image = tf.randomNormal<tf.Rank.R4>([1, height, width, channels], 0, 1, 'float32', 1);
  const read = await loadModel({ weights: folder });
  const [expected, found] = [model, read.model].map((built) =>
    tf.tidy(() => built.forward(image).dataSync<'float32'>()),
  );
  read.model.dispose();
  image.dispose();
  const largest = expected!.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const abs = expected!.reduce((max, value, i) => Math.max(max, Math.abs(value - found![i]!)), 0);
  const rel = largest === 0 ? abs : abs / largest;
  if (!(rel <= limit) || !Number.isFinite(rel)) {
    throw new UserError(
      `${model.name}: the written model differs from the one read by ${abs} (largest logit ${largest}); nothing was written. Are there NaN or Inf among the weights?`,
    );
  }
  return { abs, rel };
}

function checkNames(names: readonly string[] | undefined, numClasses: number): readonly string[] | undefined {
  if (names === undefined || names.length === numClasses) return names;
  throw new UserError(`there are ${names.length} class names for ${numClasses} classes`);
}

/** Only a folder that holds nothing but an earlier conversion is replaced. */
async function refuseForeignFolder(output: string): Promise<void> {
  if (!existsSync(output)) return;
  if (!(await stat(output)).isDirectory())
    throw new UserError(`${output} is a file: -o names the folder to write`);
  const foreign = (await readdir(output)).find(
    (file) =>
      !/^(model\.json|group1-shard\d+of\d+\.bin|classes\.txt|config\.json|model\.safetensors|pytorch_model\.bin)$/.test(
        file,
      ),
  );
  if (foreign !== undefined) {
    throw new UserError(
      `${output} holds "${foreign}", which no conversion wrote: choose a new folder or empty this one`,
    );
  }
}
