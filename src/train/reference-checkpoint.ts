import * as tf from '@tensorflow/tfjs';
import { openCheckpoint } from '../convert/files.js';
import { ForeignObject, type PickleValue } from '../convert/read/pickle/values.js';
import { TensorRef } from '../convert/read/tensor-ref.js';
import { UserError } from '../errors.js';
import { toTf } from '../layers/weight-layout.js';
import { listModels } from '../models/names.js';
import type { StateDict } from '../models/state-dict.js';
import type { LossScaleState } from './loss-scale.js';
import type { TrainingState } from './checkpoint.js';
import { optionName, runConfigSchema, type RunConfigKey } from './config.js';
import type { ConfigLayer } from './load-config.js';
import { parameterSettings } from './param-groups.js';
import { startOfEpoch } from './progress.js';

type Dict = ReadonlyMap<PickleValue, PickleValue>;

/** A checkpoint that the reference's main.py wrote: `{model, optimizer, lr_scheduler, epoch, model_ema, scaler, args}`. */
export interface ReferenceCheckpoint {
  readonly path: string;
  readonly weights: StateDict;
  /** The moving average, where the run kept one. */
  readonly average: StateDict | undefined;
  readonly optimizer: Dict;
  /** Of its loss scaler, where it had one at work. */
  readonly scaler: LossScaleState | undefined;
  /** The epoch it was written after, 0-based. */
  readonly epoch: number;
  readonly args: Dict;
}

/** Batch for which the reference's `--lr` holds as it is; it stores the scaled rate. */
const REFERENCE_BATCH = 512;

/** Reads a checkpoint of main.py. Throws UserError when the file is another one. */
export async function readReferenceCheckpoint(path: string): Promise<ReferenceCheckpoint> {
  const { tensors: weights, extras } = await openCheckpoint(path);
  const [optimizer, epoch, args] = ['optimizer', 'epoch', 'args'].map((key) => extras.get(key));
  const options = args instanceof ForeignObject ? args.state : args;
  if (!(optimizer instanceof Map) || typeof epoch !== 'number' || !(options instanceof Map))
    throw new UserError(
      `${path}: not a checkpoint of a training run (expected model, optimizer, epoch and args, found ${['model', ...extras.keys()].join(', ')}). ` +
        `To start from its weights, use --finetune.`,
    );
  const average = extras.has('model_ema')
    ? (await openCheckpoint(path, { which: 'ema' })).tensors
    : undefined;
  return { path, weights, average, optimizer, scaler: scalerOf(extras.get('scaler')), epoch, args: options };
}

/** `state_dict()` of PyTorch's GradScaler; empty where it was off. */
function scalerOf(saved: PickleValue | undefined): LossScaleState | undefined {
  if (!(saved instanceof Map)) return undefined;
  const [scale, goodSteps] = ['scale', '_growth_tracker'].map((key) => Number(saved.get(key)));
  return scale! > 0 && Number.isInteger(goodSteps) ? { scale: scale!, goodSteps: goodSteps! } : undefined;
}

/** The options that the run was begun with, as far as they are options here; its paths to data and output are its own. */
export function referenceOptions({ path, args }: ReferenceCheckpoint): ConfigLayer {
  const left = new Set<string>(['model', 'lr', 'outputDir', 'numClasses']);
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(runConfigSchema.shape) as RunConfigKey[]) {
    const value = args.get(optionName(key).replaceAll('-', '_'));
    if (!left.has(key) && value !== undefined && value !== null && value !== '') values[key] = value;
  }
  const model = args.get('model');
  if (typeof model === 'string' && listModels().includes(model)) values.model = model;
  const [lr, batch, processes] = ['lr', 'batch_size', 'world_size'].map((name) => Number(args.get(name)));
  if (lr && batch) values.lr = (lr * REFERENCE_BATCH) / (batch * (processes || 1));
  if (args.get('ThreeAugment') === true) values.threeAugment = true;
  if (values.distillationType === 'none') {
    delete values.teacherModel;
    delete values.teacherPath;
  }
  return { values, nameOf: (key) => `${path}: args.${optionName(key).replaceAll('-', '_')}` };
}

/**
 * Brings a run to where the reference's stood: weights, average, the optimizer's moments and count of updates, and the next epoch. The state of
 * its schedule follows from the epoch; that of its loss scaler counts where the run has one.
 *
 * @returns what was left out or taken otherwise, for people
 */
export async function loadReferenceState(
  checkpoint: ReferenceCheckpoint,
  state: TrainingState,
  groups: Parameters<typeof parameterSettings>[1],
): Promise<string[]> {
  const { path, weights, average, epoch } = checkpoint;
  const { model, ema, optimizer, progress } = state;
  const notes: string[] = [];
  if (ema && average) {
    await ema.withAverage(() => {
      model.loadStateDict(average, { source: `${path}: model_ema` });
      ema.reset();
      return Promise.resolve();
    });
  }
  model.loadStateDict(weights, { source: `${path}: model` });
  if (ema && !average) {
    ema.reset();
    notes.push(`${path} has no moving average (model_ema): it starts from the weights.`);
  }
  optimizer.steps = await loadMoments(checkpoint, state, groups);
  if (checkpoint.scaler) state.lossScale?.set(checkpoint.scaler);
  Object.assign(progress, startOfEpoch(epoch + 1), { updates: optimizer.steps });
  notes.push(
    `${path}: goes on with epoch ${epoch + 1} after ${optimizer.steps} updates; random choices are drawn anew${checkpoint.scaler && !state.lossScale ? ', the loss scaler of float16 is left out' : ''}.`,
  );
  return notes;
}

/** Sets the optimizer's variables. Returns the number of updates done. */
async function loadMoments(
  { path, optimizer: saved }: ReferenceCheckpoint,
  { model, optimizer }: TrainingState,
  groupOptions: Parameters<typeof parameterSettings>[1],
): Promise<number> {
  // PyTorch numbers parameters through the groups: first those without decay, then the others, each in the model's order.
  const settings = [...parameterSettings(model.parameters, groupOptions)];
  const names = [
    ...settings.filter(([, { weightDecay }]) => weightDecay === 0),
    ...settings.filter(([, { weightDecay }]) => weightDecay > 0),
  ].map(([name]) => name);
  const groups = (saved.get('param_groups') as Dict[] | undefined) ?? [];
  const numbers = groups.flatMap((group) => (group.get('params') as number[] | undefined) ?? []);
  const states = saved.get('state');
  if (numbers.length !== names.length || !(states instanceof Map))
    throw new UserError(
      `${path}: its optimizer has ${numbers.length} parameters, ${model.name} has ${names.length}.`,
    );
  const stateOf = new Map(names.map((name, i) => [name, states.get(numbers[i]!) as Dict | undefined]));
  let updates = 0;
  for (const [key, variable] of optimizer.state()) {
    const dot = key.indexOf('.');
    const [kind, name] = [key.slice(0, dot), key.slice(dot + 1)];
    const spec = model.parameterSpecs.get(name)!;
    const entry = stateOf.get(name);
    // A parameter that never had a gradient has no state in PyTorch.
    if (entry === undefined) continue;
    const tensor = entry.get(kind);
    if (!(tensor instanceof TensorRef) || String(tensor.shape) !== String(spec.shape))
      throw new UserError(
        `${path}: optimizer state "${kind}" of ${name}: expected a tensor [${spec.shape.join(', ')}], found ${
          tensor instanceof TensorRef ? `[${tensor.shape.join(', ')}]` : 'none'
        }. Was it another optimizer (--opt)?`,
      );
    const { data } = await tensor.read(`${path}: ${kind} of ${name}`);
    tf.tidy(() => variable.assign(tf.tensor(toTf(spec, data as Float32Array), variable.shape)));
    updates = Math.max(updates, await countOf(entry.get('step')));
  }
  return updates;
}

async function countOf(step: PickleValue | undefined): Promise<number> {
  return step instanceof TensorRef ? Number((await step.read()).data[0]) : Number(step ?? 0);
}
