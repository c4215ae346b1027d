import { UserError } from '../errors.js';
import { randomWeights } from '../layers/initial-weights.js';
import { namedWeights, sizeOf, type ModuleSpec } from '../layers/spec/module-spec.js';
import { toTorch } from '../layers/weight-layout.js';
import { adaptInputChannels } from '../models/adapt-input.js';
import { inferModel, type InferredModel } from '../models/infer.js';
import { modelSpec, resolveModel, type ModelConfig } from '../models/model-config.js';
import { parseModelName } from '../models/names.js';
import type { HostTensor, StateDict } from '../models/state-dict.js';
import { checkWeights, numbers } from '../models/weight-check.js';
import type { Checkpoint } from './checkpoint.js';
import { openCheckpoint } from './files.js';
import { FiniteCheck } from './finite-check.js';
import type { FetchOptions } from '../runtime/fetch/fetch-options.js';
import { resolveWeights, weightsLabel } from './hub/resolve-weights.js';
import type { FolderConfig, ModelMetadata } from './model-metadata.js';

/** The options of fetching count where weights are not on this machine. */
export interface LoadOptions extends FetchOptions {
  /** File or folder, every format {@link openCheckpoint} reads, or what {@link resolveWeights} fetches: `hf://owner/repo`, `https://…`. */
  weights: string;
  /** Which model it must be. Default: found from the names and shapes. */
  model?: string;
  /** Classes it must have. */
  numClasses?: number;
  /** Which set of weights, where a file holds several: `model` (default), `ema`, or a key. */
  which?: string;
  /** Image channels. Weights for 3 channels are converted as timm does. Default: the weights' own. */
  inChans?: number;
  /** Image side the model is to be used with. Default 224, or what the folder says. */
  imgSize?: number | readonly [height: number, width: number];
  distillation?: boolean;
  dropPath?: number;
  drop?: number;
  /** What to do about another number of classes: refuse (default), or keep the fresh head as timm does. */
  onClassMismatch?: 'error' | 'reset';
  /** Seed of a fresh head. Default 0. */
  seed?: number;
}

/** Weights and the model they belong to, on the host: nothing is built, TF.js is not loaded. */
export interface ReadModel {
  readonly config: ModelConfig;
  readonly spec: ModuleSpec;
  /** Names, order, layout and float32 of the checkpoint form; complete. */
  readonly state: StateDict;
  /** Names of the classes, where the weights come with them. */
  readonly classNames: readonly string[] | undefined;
  /** For people: which weights of a file were used, what was re-initialised. */
  readonly notes: readonly string[];
  /** Where the weights are on this machine. */
  readonly path: string;
}

/**
 * Reads weights and finds the model they belong to.
 *
 * @throws CheckpointError if the file cannot be read, UserError if it does not fit the model asked for
 */
export async function readModel(options: LoadOptions): Promise<ReadModel> {
  if (options.model !== undefined) parseModelName(options.model);
  const path = await resolveWeights(options.weights, options);
  const check = new FiniteCheck();
  const checkpoint = await openCheckpoint(path, { which: options.which, inspect: check.inspect });
  const named = { ...options, weights: weightsLabel(options.weights) };
  const read = await found(checkpoint, named);
  check.refuse(read.state, named.weights);
  return { ...adaptClasses(adaptChannels(read, named), named), path };
}

type Found = Omit<ReadModel, 'path'>;

/** What describes a model beside its weights is checked by a library that is loaded only where there is such a description. */
async function found(checkpoint: Checkpoint, options: LoadOptions): Promise<Found> {
  const { config, format } = checkpoint;
  if (config === undefined) return fromCheckpoint(checkpoint, options);
  const { parseFolderConfig, parseMetadata } = await import('./model-metadata.js');
  return format === 'tfjs-layers'
    ? fromLayersModel(checkpoint, parseMetadata(config, options.weights), options)
    : fromCheckpoint(checkpoint, options, parseFolderConfig(config));
}

function fromLayersModel(
  { tensors }: Checkpoint,
  { config: stored, classNames }: ModelMetadata,
  options: LoadOptions,
): Found {
  const config = { ...stored, ...pickOverrides(options) };
  const spec = modelSpec(config);
  const specs = new Map(namedWeights(spec));
  requireModel(options.model, config.name, options.weights);
  // A weight of the wrong size is left as it is: the check names it.
  const state: StateDict = new Map(
    [...tensors].map(([name, tensor]) => {
      const weight = specs.get(name);
      const fits = weight !== undefined && sizeOf(weight.shape) === tensor.data.length;
      return [name, fits ? { shape: weight.shape, data: toTorch(weight, numbers(tensor.data)) } : tensor];
    }),
  );
  return { config, spec, classNames, notes: [], state: complete(config.name, spec, state, options.weights) };
}

function fromCheckpoint(checkpoint: Checkpoint, options: LoadOptions, folder?: FolderConfig): Found {
  const found = inferModel(checkpoint.tensors);
  if (found === undefined) throw foreignWeights(checkpoint, options);
  const wanted = options.model === undefined ? found.name : parseModelName(options.model).variant.name;
  const config = resolveModel(wanted, {
    ...(found.name === wanted ? found.overrides : {}),
    imgSize: folder?.imgSize,
    preprocessing: folder?.preprocessing ?? {},
    ...pickOverrides(options),
    numClasses: found.numClasses,
    inChans: found.inChans,
    fuse: found.fuse,
  });
  const spec = modelSpec(config);
  try {
    return {
      config,
      spec,
      state: complete(config.name, spec, checkpoint.tensors, options.weights),
      classNames: folder?.classNames,
      notes: [
        ...checkpoint.notes,
        ...(folder?.unknown ?? []).map(
          (text) => `config.json asks for ${text}, which is not known: the published models' is used`,
        ),
      ],
    };
  } catch (error) {
    throw found.name === wanted ? error : otherModel(error, found);
  }
}

/** The weights in the model's own order, as float32; batch counters that are missing are zero. */
function complete(model: string, spec: ModuleSpec, state: StateDict, source: string): StateDict {
  checkWeights(model, spec, state, { source });
  return new Map(
    namedWeights(spec).map(([name, { shape, layout }]): [string, HostTensor] => {
      const tensor = state.get(name);
      if (layout === 'counter')
        return [name, { shape, data: BigInt64Array.of(BigInt(tensor?.data[0] ?? 0)) }];
      const { data } = tensor!;
      return [name, { shape, data: data instanceof Float32Array ? data : new Float32Array(numbers(data)) }];
    }),
  );
}

/** The model itself, or for images of another number of channels. */
function adaptChannels(read: Found, { inChans, weights }: LoadOptions): Found {
  if (inChans === undefined || inChans === read.config.inChans) return read;
  const config = { ...read.config, inChans };
  return {
    ...read,
    config,
    spec: modelSpec(config),
    state: adaptInputChannels(read.state, inChans, weights),
  };
}

/** The model itself, or with the number of classes asked for and a fresh head. */
function adaptClasses(
  read: Found,
  { numClasses, onClassMismatch = 'error', weights, seed = 0 }: LoadOptions,
): Found {
  const { numClasses: had } = read.config;
  if (numClasses === undefined || numClasses === had) return read;
  if (onClassMismatch === 'error') {
    throw new UserError(
      `${weights} has ${had} classes, --num-classes says ${numClasses}: leave it away, or fine-tune to change the classes`,
    );
  }
  const config = { ...read.config, numClasses };
  const spec = modelSpec(config);
  const source = randomWeights(seed);
  // As the reference means to: both heads anew, their batch norms included.
  const state: StateDict = new Map(
    namedWeights(spec).map(([name, weight]): [string, HostTensor] => {
      if (!name.startsWith('head.')) return [name, read.state.get(name)!];
      if (weight.layout === 'counter') return [name, { shape: [], data: new BigInt64Array(1) }];
      return [name, { shape: weight.shape, data: toTorch(weight, source(name, weight)) }];
    }),
  );
  const note = `the head is new: ${weights} has ${had} classes, ${numClasses} were asked for`;
  return { ...read, config, spec, state, notes: [...read.notes, note] };
}

function pickOverrides({ distillation, dropPath, drop, imgSize }: LoadOptions): {
  distillation?: boolean;
  dropPath?: number;
  drop?: number;
  imgSize?: readonly [number, number];
} {
  return {
    ...(distillation === undefined ? {} : { distillation }),
    ...(dropPath === undefined ? {} : { dropPath }),
    ...(drop === undefined ? {} : { drop }),
    ...(imgSize === undefined
      ? {}
      : { imgSize: typeof imgSize === 'number' ? ([imgSize, imgSize] as const) : imgSize }),
  };
}

function requireModel(wanted: string | undefined, found: string, weights: string): void {
  if (wanted === undefined || parseModelName(wanted).variant.name === found) return;
  throw new UserError(`${weights} holds ${found}, not ${wanted}: leave --model away or say --model ${found}`);
}

function otherModel(error: unknown, { name, numClasses }: InferredModel): unknown {
  if (!(error instanceof UserError)) return error;
  return new UserError(`${error.message}. These look like the weights of ${name} with ${numClasses} classes`);
}

function foreignWeights({ tensors }: Checkpoint, { weights, model }: LoadOptions): UserError {
  const [first = ''] = tensors.keys();
  const asked =
    model === undefined ? '' : ` ${parseModelName(model).variant.name} would begin with ${firstName(model)};`;
  return new UserError(
    `${weights} holds the weights of no model of this toolkit:${asked} found "${first}" first, ${tensors.size} tensors in all`,
  );
}

function firstName(model: string): string {
  return `"${namedWeights(modelSpec(resolveModel(model)))[0]![0]}"`;
}
