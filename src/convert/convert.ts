import { existsSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, UserError } from '../errors.js';
import { countParameters } from '../layers/spec/module-spec.js';
import type { FuseMode } from '../layers/spec/primitives.js';
import { fuseStateDict } from '../models/fuse.js';
import { fuseMode, modelSpec, withFuseMode } from '../models/model-config.js';
import { writeFileAtomic, writeFileOfFolder } from '../runtime/files.js';
import { writeFolder } from '../runtime/write-folder.js';
import type { Difference } from './compare.js';
import { writeSafetensors, writeTorch } from './files.js';
import { layersModelFiles, type HostModel } from './layers-model.js';
import { readModel, type LoadOptions, type ReadModel } from './read-model.js';
import { isGraphTarget, TARGETS, TARGET_TRAITS, type Target } from './targets.js';
import { HALF_TYPES, narrow, type HalfType } from './write/half-precision.js';
import { QUANTIZATIONS, type Quantization } from './write/quantize.js';
import type { ModelFile } from './write/shards.js';
import { timmConfig } from './write/timm-config.js';

export interface ConvertOptions extends LoadOptions {
  /** Folder to write. */
  output: string;
  /**
   * Default `layers`: a TF.js LayersModel. `hub`: safetensors, a fused LayersModel and a model card, ready to upload. `graph`,
   * `savedmodel`, `onnx` and `coreml` are for inference only: their batch norms are folded in any case.
   */
  to?: Target;
  /** Fold batch norms: all of them (`full`) or as the reference does. Default: leave them. */
  fuse?: 'full' | 'reference';
  /**
   * Store weights in fewer bytes: `float16`, `uint8`, `uint16` in a LayersModel and a GraphModel; `float16`, `bfloat16` in safetensors and
   * PyTorch files; `float16` in ONNX and Core ML. `int8`: 1×1 convolutions of ONNX are computed in 8 bits. Default: float32.
   */
  quantize?: Quantization | HalfType | 'int8';
  /** Folder of images that `int8` finds the ranges of values with. */
  calibration?: string;
  /** Largest weight file of a LayersModel or GraphModel, bytes. Default 4 MiB. */
  shardBytes?: number;
  /** Compare what was written with what was read, on a random image, where its runtime is installed. Default true. */
  verify?: boolean;
  /** Names of the classes, to be kept beside the weights. Default: those the weights come with. */
  classNames?: readonly string[];
}

export interface ConvertResult {
  readonly model: string;
  readonly numClasses: number;
  readonly params: number;
  /** Form of the written model. */
  readonly fused: string;
  /** Largest difference of the logits, written model against the one that was read, on a random image; null: not verified. */
  readonly maxAbsDiff: number | null;
  /** The same, relative to the largest logit. */
  readonly maxRelDiff: number | null;
  readonly bytes: number;
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Reads a checkpoint, folds its batch norms if asked to, and writes it in another form. What was written is read back
 * and compared with what was read on a random image before it gets its name; without that TF.js is needed only for exported graphs.
 */
export async function convertCheckpoint(options: ConvertOptions): Promise<ConvertResult> {
  const { output, to = 'layers', quantize, fuse } = options;
  checkStorage(options);
  await refuseForeignFolder(output);
  const original = await readModel(options);
  const { config } = original;
  const verify = (options.verify ?? true) ? await import('./compare.js') : undefined;
  const reference = verify?.referenceLogits(original);
  const classNames = checkNames(options.classNames ?? original.classNames, config.numClasses);
  const written = inForm(original, to, fuse);
  const names = { ...options, classNames };
  const notes = [...original.notes];
  let difference: Difference | undefined;
  await writeFolder(
    output,
    async (folder) => {
      const compare = async (path: string, exact: boolean): Promise<Difference | undefined> =>
        reference && verify?.compareWithWritten(config.name, reference, path, exact);
      const full =
        to === 'hub' && fuseMode(written.config) !== 'full' ? fused(written, 'full', false) : written;
      await writeModel(written, folder, to, names);
      const exact = quantize === undefined || to === 'hub';
      if (!isGraphTarget(to)) difference = await compare(folder, exact);
      else if (reference !== undefined) {
        const { whyNotRunnable } = await import('./run-export.js');
        const missing = await whyNotRunnable(to);
        if (missing !== undefined) notes.push(`the written model was not run: ${missing}`);
        else if (to !== 'coreml')
          difference = await verify!.compareWithExport(config.name, reference, folder, to, exact);
      }
      if (to === 'hub') await writeHubFiles(written, full, folder, names, difference, compare);
    },
    { replace: true },
  );
  const files = await filesIn(output);
  return {
    model: config.name,
    numClasses: config.numClasses,
    params: countParameters(written.spec),
    fused: fuseMode(written.config),
    maxAbsDiff: difference?.abs ?? null,
    maxRelDiff: difference?.rel ?? null,
    bytes: totalBytes(files),
    files: files.map(({ path }) => path),
    notes,
  };
}

/** Forms of storage belong to formats. */
function checkStorage({ to = 'layers', quantize, shardBytes, calibration }: ConvertOptions): void {
  const { quantize: allowed, shards }: { quantize: readonly string[]; shards: boolean } = TARGET_TRAITS[to];
  if (quantize !== undefined && !allowed.includes(quantize))
    throw new UsageError(
      `--to ${to} takes ${allowed.length === 0 ? 'no --quantize' : `--quantize ${allowed.join(', ')}`}, found ${quantize}`,
    );
  if ((quantize === 'int8') !== (calibration !== undefined))
    throw new UsageError(
      '--quantize int8 and --calibration DIR go together: the ranges of values are found with images',
    );
  if (!shards && shardBytes !== undefined)
    throw new UsageError(
      `--shard-size is for --to ${TARGETS.filter((target) => TARGET_TRAITS[target].shards).join(', ')}, found --to ${to}`,
    );
}

/** The model in the form to be written. What is for inference only has no use for batch norms. */
function inForm(original: ReadModel, to: Target, fuse: ConvertOptions['fuse']): HostModel {
  const wanted = fuse ?? (isGraphTarget(to) ? 'full' : undefined);
  // Without batch norms it is as fused as it can be: nothing is left to do.
  const done = wanted === undefined || (wanted === 'full' && fuseMode(original.config) === 'full');
  return done ? original : fused(original, wanted);
}

/** @param consume gives the original's weights up as they are used */
function fused(
  { config, spec, state }: HostModel,
  mode: Exclude<FuseMode, 'none'>,
  consume = true,
): HostModel {
  const form = fuseMode(config);
  if (form === mode || form === 'full') {
    throw new UserError(`${config.name} is fused already (${form}); fuse the model it was made from`);
  }
  const folded = withFuseMode(config, mode);
  return { config: folded, spec: modelSpec(folded), state: fuseStateDict(spec, state, mode, { consume }) };
}

type StorageOptions = Pick<ConvertOptions, 'quantize' | 'shardBytes' | 'classNames' | 'calibration'>;

/** Files of a model in `folder`; every form has the class names where there are any. */
async function writeModel(
  model: HostModel,
  folder: string,
  to: Target,
  options: StorageOptions,
): Promise<void> {
  const { classNames, quantize } = options;
  if (classNames !== undefined) {
    await writeFileAtomic(join(folder, 'classes.txt'), classNames.join('\n') + '\n');
  }
  if (to === 'layers') {
    const quantization = QUANTIZATIONS.find((type) => type === quantize);
    await writeFiles(folder, layersModelFiles(model, { ...options, quantize: quantization, consume: true }));
    return;
  }
  if (isGraphTarget(to)) {
    const { exportFiles } = await import('./export-model.js');
    await writeFiles(folder, exportFiles(model, to, options));
    // The web's model.json has it inside.
    if (to === 'graph') return;
  }
  const config = JSON.stringify(timmConfig(model.config, classNames), null, 2) + '\n';
  await writeFileAtomic(join(folder, 'config.json'), config);
  if (isGraphTarget(to)) return;
  // The safetensors of a hub folder are the original; only its copy for the web is made smaller.
  const half = to === 'hub' ? undefined : HALF_TYPES.find((type) => type === quantize);
  const state = half === undefined ? model.state : narrow(model.state, half);
  if (to === 'pth') await writeTorch(join(folder, 'pytorch_model.bin'), state);
  else await writeSafetensors(join(folder, 'model.safetensors'), state, { format: 'pt' });
}

/** Files that are written while the next one is made: more would only lie in memory. */
const WRITTEN_AT_ONCE = 2;

/** Writes files while the next ones are made. The folder they are in is synced as a whole. */
async function writeFiles(
  folder: string,
  files: Iterable<ModelFile> | AsyncIterable<ModelFile>,
): Promise<void> {
  const writing: Promise<unknown>[] = [];
  try {
    for await (const { name, data, release } of files) {
      if (writing.length === WRITTEN_AT_ONCE) await writing.shift();
      const file = writeFileOfFolder(join(folder, name), data).then(release);
      // Whoever awaits it below is told; until then it is no unhandled rejection.
      file.catch(() => undefined);
      writing.push(file);
    }
  } finally {
    await Promise.all(writing);
  }
}

/** What a hub folder has besides weights in safetensors: a fused TF.js model, and the card with what was measured of both. */
async function writeHubFiles(
  written: HostModel,
  full: HostModel,
  folder: string,
  options: StorageOptions,
  difference: Difference | undefined,
  compare: (path: string, exact: boolean) => Promise<Difference | undefined>,
): Promise<void> {
  const web = join(folder, 'tfjs');
  await mkdir(web);
  await writeModel(full, web, 'layers', options);
  const { modelCard } = await import('./write/model-card.js');
  const card = modelCard(written.config, {
    classNames: options.classNames,
    params: countParameters(written.spec),
    paramsFused: countParameters(full.spec),
    safetensorsDiff: difference?.rel,
    tfjsDiff: (await compare(web, options.quantize === undefined))?.rel,
    safetensorsBytes: (await stat(join(folder, 'model.safetensors'))).size,
    tfjsBytes: totalBytes(await filesIn(web)),
  });
  await writeFileAtomic(join(folder, 'README.md'), card);
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
      !/^(model\.json|group1-shard\d+of\d+\.bin|classes\.txt|config\.json|model\.safetensors|pytorch_model\.bin|saved_model\.pb|model\.onnx|model\.mlmodel)$/.test(
        file,
      ),
  );
  if (foreign === 'README.md' || foreign === 'tfjs') {
    throw new UserError(
      `${output} holds a folder for a model hub, whose card may have been edited: choose a new folder or remove this one`,
    );
  }
  if (foreign !== undefined) {
    throw new UserError(
      `${output} holds "${foreign}", which no conversion wrote: choose a new folder or empty this one`,
    );
  }
}
