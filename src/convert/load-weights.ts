import { UserError } from '../errors.js';
import { zeroWeights, randomWeights } from '../layers/initial-weights.js';
import { namedWeights } from '../layers/spec/module-spec.js';
import { toTorch } from '../layers/weight-layout.js';
import { adaptInputChannels } from '../models/adapt-input.js';
import { inferModel, type InferredModel } from '../models/infer.js';
import { buildModel, parseModelName, RecNext, RegNet, type StateDict } from '../models/index.js';
import { numbers } from '../models/model-weights.js';
import type { Checkpoint } from './checkpoint.js';
import { openCheckpoint } from './files.js';
import type { FetchOptions } from './hub/fetch-options.js';
import { resolveWeights, weightsLabel } from './hub/resolve-weights.js';
import { classNamesOf, imageSizeOf, parseMetadata, preprocessingOf } from './model-metadata.js';

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

export interface LoadedModel {
  readonly model: RecNext | RegNet;
  /** Names of the classes, where the weights come with them. */
  readonly classNames: readonly string[] | undefined;
  /** For people: which weights of a file were used, what was re-initialised. */
  readonly notes: readonly string[];
  /** Where the weights are on this machine. */
  readonly path: string;
}

/**
 * Reads weights and builds the model they belong to.
 *
 * @throws CheckpointError if the file cannot be read, UserError if it does not fit the model asked for
 */
export async function loadModel(options: LoadOptions): Promise<LoadedModel> {
  if (options.model !== undefined) parseModelName(options.model);
  const path = await resolveWeights(options.weights, options);
  const checkpoint = await openCheckpoint(path, { which: options.which });
  const named = { ...options, weights: weightsLabel(options.weights) };
  const loaded =
    checkpoint.format === 'tfjs-layers'
      ? fromLayersModel(checkpoint, named)
      : fromCheckpoint(checkpoint, named, classNamesOf(checkpoint.config));
  return { ...loaded, path };
}

function fromLayersModel(checkpoint: Checkpoint, options: LoadOptions): Omit<LoadedModel, 'path'> {
  const { config, classNames } = parseMetadata(checkpoint.config, options.weights);
  const overrides = pickOverrides(options);
  const model =
    'series' in config
      ? new RecNext({ ...config, ...overrides }, zeroWeights)
      : new RegNet({ ...config, imgSize: overrides.imgSize ?? config.imgSize }, zeroWeights);
  const specs = new Map(namedWeights(model.spec));
  // A weight of the wrong size is left as it is: loading names it.
  const state: StateDict = new Map(
    [...checkpoint.tensors].map(([name, tensor]) => {
      const spec = specs.get(name);
      const fits = spec !== undefined && spec.shape.reduce((a, b) => a * b, 1) === tensor.data.length;
      return [name, fits ? { shape: spec.shape, data: toTorch(spec, numbers(tensor.data)) } : tensor];
    }),
  );
  requireModel(options.model, model.name, options.weights);
  model.loadStateDict(state, { source: options.weights });
  return { ...adaptClasses(model, options), classNames };
}

function fromCheckpoint(
  checkpoint: Checkpoint,
  options: LoadOptions,
  classNames: readonly string[] | undefined,
): Omit<LoadedModel, 'path'> {
  const found = inferModel(checkpoint.tensors);
  if (found === undefined) throw foreignWeights(checkpoint, options);
  const wanted = options.model === undefined ? found.name : parseModelName(options.model).variant.name;
  const { inChans = found.inChans } = options;
  const { preprocessing, unknown } = preprocessingOf(checkpoint.config);
  const model = buildModel(found.name === wanted ? found.name : wanted, {
    ...(found.name === wanted ? found.overrides : {}),
    imgSize: imageSizeOf(checkpoint.config),
    preprocessing: preprocessing,
    ...pickOverrides(options),
    numClasses: found.numClasses,
    inChans,
    fuse: found.fuse,
    init: 'zeros',
  });
  try {
    model.loadStateDict(adaptInputChannels(checkpoint.tensors, inChans, options.weights), {
      source: options.weights,
    });
  } catch (error) {
    model.dispose();
    throw found.name === wanted ? error : otherModel(error, found);
  }
  const adapted = adaptClasses(model, options);
  return {
    model: adapted.model,
    classNames,
    notes: [
      ...checkpoint.notes,
      ...unknown.map(
        (text) => `config.json asks for ${text}, which is not known: the published models' is used`,
      ),
      ...adapted.notes,
    ],
  };
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
  const built = buildModel(model, { init: 'zeros', numClasses: 0 });
  const [name] = built.parameters.keys();
  built.dispose();
  return `"${name}"`;
}

/** The model itself, or with the number of classes asked for and a fresh head. */
function adaptClasses(
  model: RecNext | RegNet,
  { numClasses, onClassMismatch = 'error', weights, seed = 0 }: LoadOptions,
): { model: RecNext | RegNet; notes: string[] } {
  if (numClasses === undefined || numClasses === model.numClasses) return { model, notes: [] };
  if (onClassMismatch === 'error') {
    model.dispose();
    throw new UserError(
      `${weights} has ${model.numClasses} classes, --num-classes says ${numClasses}: leave it away, or fine-tune to change the classes`,
    );
  }
  const note = `the head is new: ${weights} has ${model.numClasses} classes, ${numClasses} were asked for`;
  model.resetClassifier(numClasses, randomWeights(seed));
  return { model, notes: [note] };
}
