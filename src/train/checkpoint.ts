import * as tf from '@tensorflow/tfjs';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { openCheckpoint, writeSafetensors } from '../convert/files.js';
import { UserError } from '../errors.js';
import type { ImageModel } from '../models/image-model.js';
import type { StateDict } from '../models/state-dict.js';
import { dataDifferences, type DataIdentity } from './data-identity.js';
import { hostValues } from '../runtime/engines/weights.js';
import { writeFileAtomic } from '../runtime/files.js';
import type { ModelEma } from './ema.js';
import type { LossScale } from './loss-scale.js';
import type { Optimizer } from './optimizer.js';
import { startOfEpoch, type RunProgress } from './progress.js';
import { writeFolder } from '../runtime/write-folder.js';

/** Everything of a run that training changes. */
export interface TrainingState {
  readonly model: ImageModel;
  readonly ema?: ModelEma;
  readonly optimizer: Optimizer;
  readonly lossScale?: LossScale;
  readonly progress: RunProgress;
  /** Resuming on other data would not be the same run. */
  readonly data: DataIdentity;
}

/**
 * Files of a checkpoint folder. Weights have the checkpoint's names and layout; the optimizer's moments are `exp_avg.NAME` and
 * `exp_avg_sq.NAME` in TF.js layout. Anything that reads weights can read the folder: it is a timm-style one.
 */
const FILES = {
  model: 'model.safetensors',
  ema: 'ema.safetensors',
  optimizer: 'optimizer.safetensors',
  state: 'state.json',
};

/** What timm expects to find in a safetensors header. */
export const WEIGHTS = { format: 'pt' };

const score = z.object({ epoch: z.int().min(0), top1: z.number(), loss: z.number().optional() });
const count = z.int().min(0);
const stateSchema = z.object({
  version: z.literal(1),
  model: z.string(),
  samples: count,
  batchSize: count.optional(),
  digest: z.string().optional(),
  epoch: count,
  step: count,
  lossSum: z.number(),
  top1Sum: z.number().default(0),
  teacherTop1Sum: z.number().default(0),
  updates: count,
  best: z.object({ raw: score.optional(), ema: score.optional() }),
  skipped: z.array(z.tuple([count, count])).default([]),
  rollbacks: count.default(0),
  lossScale: z.object({ scale: z.number().positive(), goodSteps: count }).optional(),
});

/** Writes a checkpoint folder, whole or not at all. `extra` are further small files by name. */
export async function saveCheckpoint(
  path: string,
  state: TrainingState,
  extra: Readonly<Record<string, string>>,
): Promise<void> {
  const { model, ema, optimizer, lossScale, progress, data } = state;
  await writeFolder(path, async (folder) => {
    await writeSafetensors(join(folder, FILES.model), model.stateDict(), WEIGHTS);
    if (ema)
      await ema.withAverage(() => writeSafetensors(join(folder, FILES.ema), model.stateDict(), WEIGHTS));
    await writeSafetensors(join(folder, FILES.optimizer), await hostValues(optimizer.state()), {
      layout: 'tfjs',
    });
    for (const [name, text] of Object.entries(extra)) await writeFileAtomic(join(folder, name), text);
    const json: z.input<typeof stateSchema> = {
      version: 1,
      model: model.name,
      ...data,
      ...progress,
      ...(lossScale && { lossScale: await lossScale.read() }),
    };
    await writeFileAtomic(join(folder, FILES.state), JSON.stringify(json, undefined, 2) + '\n');
  });
}

export interface LoadCheckpointOptions {
  /** Go on with other data: the epoch that was begun starts again. */
  readonly force?: boolean;
  /** Leave the moving average as it is, as the reference does. */
  readonly withoutAverage?: boolean;
}

/**
 * Brings model, average, optimizer and progress back to what the checkpoint folder holds, bit by bit.
 *
 * @throws UserError for a folder that is no checkpoint, or one of another model, or, without `force`, of other data
 */
export async function loadCheckpoint(
  path: string,
  state: TrainingState,
  { force = false, withoutAverage = false }: LoadCheckpointOptions = {},
): Promise<void> {
  const { model, ema, optimizer, progress } = state;
  const file = (name: string) => join(path, name);
  const saved = await readState(file(FILES.state));
  if (saved.model !== model.name)
    throw new UserError(
      `${file(FILES.state)}: a checkpoint of ${saved.model}, but the run trains ${model.name}.`,
    );
  if (!force) await requireSameData(path, state.data);
  if (ema && !withoutAverage) {
    const average = await readTensors(file(FILES.ema));
    await ema.withAverage(() => {
      model.loadStateDict(average, { source: file(FILES.ema) });
      ema.reset();
      return Promise.resolve();
    });
  }
  model.loadStateDict(await readTensors(file(FILES.model)), { source: file(FILES.model) });
  assignVariables(optimizer.state(), await readTensors(file(FILES.optimizer)), file(FILES.optimizer));
  optimizer.steps = saved.updates;
  // Of a run without one the scale starts anew.
  if (saved.lossScale) state.lossScale?.set(saved.lossScale);
  for (const key of Object.keys(progress) as (keyof RunProgress)[])
    Object.assign(progress, { [key]: saved[key] });
  if (dataDifferences(saved, state.data).length > 0) Object.assign(progress, startOfEpoch(saved.epoch));
}

/** Throws UserError saying what is different when a checkpoint folder is of a run on other data. */
export async function requireSameData(path: string, data: DataIdentity): Promise<void> {
  const saved = await readState(join(path, FILES.state));
  const changed = dataDifferences(saved, data);
  if (changed.length === 0) return;
  throw new UserError(
    `${path}: not the data that the run was training on (${changed.join('; ')}). ` +
      `Resume it with the same, or go on with these by --force-resume${saved.step > 0 ? '; the epoch begun starts again' : ''}.`,
  );
}

/** Where the run of a checkpoint folder stood; undefined for anything else. */
export async function savedProgress(path: string): Promise<{ epoch: number; step: number } | undefined> {
  const state = join(path, FILES.state);
  if (!existsSync(state)) return undefined;
  const { epoch, step } = await readState(state);
  return { epoch, step };
}

async function readState(path: string): Promise<z.output<typeof stateSchema>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`${path}: not a checkpoint to resume from (${(error as Error).message}).`, {
      cause: error,
    });
  });
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UserError(`${path}: not the state of a training run.`, { cause: error });
  }
}

async function readTensors(path: string): Promise<StateDict> {
  return (await openCheckpoint(path)).tensors;
}

function assignVariables(
  variables: ReadonlyMap<string, tf.Variable>,
  saved: StateDict,
  source: string,
): void {
  for (const [name, variable] of variables) {
    const entry = saved.get(name);
    if (entry === undefined) throw new UserError(`${source}: tensor "${name}" is missing.`);
    if (!(entry.data instanceof Float32Array) || String(entry.shape) !== String(variable.shape))
      throw new UserError(
        `${source}: tensor "${name}" has shape [${entry.shape.join(', ')}], expected float32 [${variable.shape.join(', ')}].`,
      );
    const { data } = entry;
    tf.tidy(() => variable.assign(tf.tensor(data, variable.shape)));
  }
}
