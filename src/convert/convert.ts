import * as tf from '@tensorflow/tfjs';
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, UserError } from '../errors.js';
import { fuseOf, replaceBatchnorm, type RecNext, type RegNet } from '../models/index.js';
import { writeFileAtomic } from '../runtime/files.js';
import { writeFolder } from '../runtime/write-folder.js';
import { writeSafetensors, writeTorch } from './files.js';
import { layersModelFiles, type LayersModelOptions } from './layers-model.js';
import { loadModel, type LoadOptions } from './load-weights.js';
import { modelCard } from './write/model-card.js';
import type { Quantization } from './write/quantize.js';
import { timmConfig } from './write/timm-config.js';

export const TARGETS = ['layers', 'safetensors', 'pth', 'hub'] as const;
export type Target = (typeof TARGETS)[number];

export interface ConvertOptions extends LoadOptions {
  /** Folder to write. */
  output: string;
  /** Default `layers`: a TF.js LayersModel. `hub`: safetensors, a fused LayersModel and a model card, ready to upload. */
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
  if (to !== 'layers' && to !== 'hub' && (quantize ?? options.shardBytes) !== undefined) {
    throw new UsageError(`--quantize and --shard-size are for --to layers and --to hub, found --to ${to}`);
  }
  await refuseForeignFolder(output);
  const { model, classNames = options.classNames, notes } = await loadModel(options);
  const names = checkNames(options.classNames ?? classNames, model.numClasses);
  const written = options.fuse === undefined ? model : replaceBatchnorm(model, options.fuse);
  let difference: Difference = { abs: 0, rel: 0 };
  await writeFolder(
    output,
    async (folder) => {
      const layersOptions = { ...options, classNames: names };
      await writeModel(written, folder, to, layersOptions);
      const limit = quantize === undefined ? LIMIT : Infinity;
      difference = await compareWithWritten(model, folder, to === 'hub' ? LIMIT : limit);
      if (to === 'hub') await writeHubFiles(model, written, folder, layersOptions, difference, limit);
    },
    { replace: true },
  );
  const files = await filesIn(output);
  const result = {
    model: model.name,
    numClasses: model.numClasses,
    params: countParams(written),
    fused: fuseOf(written),
    maxAbsDiff: difference.abs,
    maxRelDiff: difference.rel,
    bytes: totalBytes(files),
    files: files.map(({ path }) => path),
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
  if (to === 'safetensors' || to === 'hub')
    await writeSafetensors(join(folder, 'model.safetensors'), model.stateDict(), { format: 'pt' });
  else await writeTorch(join(folder, 'pytorch_model.bin'), model.stateDict());
}

/** What a hub folder has besides weights in safetensors: a fused TF.js model, and the card with what was measured of both. */
async function writeHubFiles(
  model: RecNext | RegNet,
  written: RecNext | RegNet,
  folder: string,
  options: LayersModelOptions,
  difference: Difference,
  limit: number,
): Promise<void> {
  const fused = fuseOf(written) === 'full' ? written : replaceBatchnorm(written, 'full');
  const web = join(folder, 'tfjs');
  await mkdir(web);
  await writeModel(fused, web, 'layers', options);
  const card = modelCard(model, {
    classNames: options.classNames,
    params: countParams(written),
    paramsFused: countParams(fused),
    safetensorsDiff: difference.rel,
    tfjsDiff: (await compareWithWritten(model, web, limit)).rel,
    safetensorsBytes: (await stat(join(folder, 'model.safetensors'))).size,
    tfjsBytes: totalBytes(await filesIn(web)),
  });
  await writeFileAtomic(join(folder, 'README.md'), card);
  if (fused !== written) fused.dispose();
}

interface Difference {
  readonly abs: number;
  /** Relative to the largest logit. */
  readonly rel: number;
}

function countParams(model: RecNext | RegNet): number {
  return [...model.parameters.values()].reduce((sum, { size }) => sum + size, 0);
}

interface FileSize {
  readonly path: string;
  readonly size: number;
}

async function filesIn(folder: string): Promise<FileSize[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesIn(path) : [{ path, size: (await stat(path)).size }];
    }),
  );
  return files.flat();
}

function totalBytes(files: readonly FileSize[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

async function compareWithWritten(
  model: RecNext | RegNet,
  folder: string,
  limit: number,
): Promise<Difference> {
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
