import type { HostTensor, StateDict } from '../models/state-dict.js';
import { CheckpointError, printable } from './checkpoint-error.js';
import { selectWeights, type Which } from './read/containers.js';
import { readJsonFile } from './read/file-names.js';
import { MemoryBudget } from './read/memory-budget.js';
import type { PickleValue } from './read/pickle/values.js';
import { stripPrefixes } from './read/prefixes.js';
import { openSafetensors, readAll } from './read/safetensors.js';
import { sniff } from './read/sniff.js';
import { readTensors } from './read/tensor-ref.js';
import { readTorchLegacy } from './read/torch-legacy.js';
import { readTorchZip, type PickledFile } from './read/torch-zip.js';
import { readFolder } from './read/weights-folder.js';
import { buffered, isFolder, type ByteSource, type SourceFolder } from './source/byte-source.js';

export type CheckpointFormat = 'torch-zip' | 'torch-legacy' | 'torchscript' | 'safetensors' | 'tfjs-layers';

/** Named weights out of a file, and what else it holds. */
export interface Checkpoint {
  readonly format: CheckpointFormat;
  /**
   * Weights by the names of the checkpoint, wrappers' prefixes removed. PyTorch's layout, except in `tfjs-layers`, where
   * the arrays come as TF.js stores them.
   */
  readonly tensors: StateDict;
  /** For people: which weights of the file these are, what was renamed, left out or carried along. */
  readonly notes: readonly string[];
  /**
   * What a training checkpoint holds beside the weights (epoch, optimizer, args, other sets of weights), as inert data:
   * nothing was built or called. Tensors in it are `TensorRef`s, read from the file when asked.
   */
  readonly extras: ReadonlyMap<string, PickleValue>;
  /** Text fields of a safetensors header. */
  readonly metadata: ReadonlyMap<string, string>;
  /** config.json of a timm-style folder; the whole model.json of a TF.js model. */
  readonly config?: unknown;
}

export interface ReadOptions {
  /**
   * Which weights of a file that holds several: `model` (default), `ema`, or the key they stand under
   * (`teacher`, `student.state_dict`).
   */
  which?: Which;
  /** Told each tensor when it has been read, while it lies in the processor's caches: all at the end would come from memory again. */
  inspect?: (tensor: HostTensor) => void;
}

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

/** The checkpoint with wrappers' prefixes removed from its names, and a note that says so. */
function withoutPrefixes(checkpoint: Checkpoint, where: string): Checkpoint {
  const { names, notes } = stripPrefixes([...checkpoint.tensors.keys()], where);
  if (notes.length === 0) return checkpoint;
  const tensors: StateDict = new Map(
    [...checkpoint.tensors.values()].map((tensor, i) => [names[i]!, tensor]),
  );
  return { ...checkpoint, tensors, notes: [...checkpoint.notes, ...notes] };
}

async function fromPickle(
  file: PickledFile,
  options: ReadOptions,
  budget: MemoryBudget,
  where: string,
): Promise<Checkpoint> {
  const selected = selectWeights(file.value, options.which, where);
  const tensors = await readTensors(selected.named, budget, where, options.inspect);
  const notes = [...selected.notes];
  const foreign = [...file.foreign].filter((name) => !name.startsWith('__torch__'));
  if (foreign.length > 0)
    notes.push(
      printable(
        `carried as inert data, not run: ${foreign.slice(0, 8).join(', ')}${foreign.length > 8 ? ', …' : ''}`,
      ),
    );
  return {
    format: file.format,
    tensors,
    notes: [...notes, ...file.notes()],
    extras: selected.extras,
    metadata: NOTHING,
  };
}

function refuseWhich({ which }: ReadOptions, where: string, format: string): void {
  if (which !== undefined && which !== 'model')
    throw new CheckpointError(
      'no-weights',
      where,
      `${format} holds one set of weights; "${which}" cannot be chosen from it`,
    );
}

async function readFile(file: ByteSource, options: ReadOptions): Promise<Checkpoint> {
  const source = buffered(file);
  const where = source.name;
  const budget = new MemoryBudget(where, source.size);
  const format = await sniff(source);
  switch (format) {
    case 'zip':
      return fromPickle(await readTorchZip(source, budget), options, budget, where);
    case 'torch-legacy':
      return fromPickle(await readTorchLegacy(source, budget), options, budget, where);
    case 'safetensors': {
      refuseWhich(options, where, 'a safetensors file');
      const file = await openSafetensors(source, budget);
      if (file.tensors.size === 0) throw new CheckpointError('no-weights', where, 'holds no tensors');
      const tensors = await readAll(file.tensors, where, options.inspect);
      return { format, tensors, notes: [], extras: NOTHING, metadata: file.metadata };
    }
    case 'json':
      throw jsonAlone(await readJsonFile(source), where);
  }
}

/** A JSON file without its folder: says what it is part of, or what it reports. */
function jsonAlone(value: unknown, where: string): CheckpointError {
  const record = value as Record<string, unknown>;
  if ('weightsManifest' in record || 'weight_map' in record)
    return new CheckpointError(
      'directory',
      where,
      'only lists the files that hold the weights: give the folder it lies in',
    );
  const message = [record['error'], record['message']].find((text) => typeof text === 'string');
  return new CheckpointError(
    'unknown-format',
    where,
    `a JSON file, not a checkpoint${typeof message === 'string' ? ` (it says: ${message.slice(0, 120)})` : ''}`,
  );
}

/**
 * Reads a checkpoint of any known format, recognised by its content: PyTorch (zip and legacy), TorchScript, safetensors,
 * or a folder of them (timm style, sharded, TF.js LayersModel). Runs nothing that the file says, takes at most three times
 * its size plus 64 MB.
 *
 * @throws CheckpointError with a `kind` for every file that cannot be read
 */
export async function readCheckpoint(
  source: ByteSource | SourceFolder,
  options: ReadOptions = {},
): Promise<Checkpoint> {
  const checkpoint = await (isFolder(source)
    ? readFolder(source, options, readFile)
    : readFile(source, options));
  return withoutPrefixes(checkpoint, source.name);
}
