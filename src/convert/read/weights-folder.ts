import type { StateDict } from '../../models/state-dict.js';
import type { Checkpoint, ReadOptions } from '../checkpoint.js';
import { CheckpointError } from '../checkpoint-error.js';
import type { ByteSource, SourceFolder } from '../source/byte-source.js';
import { checkFileName, openAll, readJsonFile } from './file-names.js';
import { isRecord } from './json.js';
import { readTfjsLayers } from './tfjs-layers.js';

type ReadFile = (source: ByteSource, options: ReadOptions) => Promise<Checkpoint>;

/** Weight files of a model folder, best first: the order of timm and transformers. */
const SINGLE = ['model.safetensors', 'pytorch_model.bin'];
const INDEXES = ['model.safetensors.index.json', 'pytorch_model.bin.index.json'];
const TFJS = 'model.json';
/** What a checkpoint file may be called, for a folder that holds just one. */
const WEIGHTS = /\.(safetensors|pth|pt|bin|ckpt)$/i;

/** Reads a sharded checkpoint: an index that says which file holds which tensor. */
async function readSharded(
  index: unknown,
  folder: SourceFolder,
  where: string,
  options: ReadOptions,
  readFile: ReadFile,
): Promise<Checkpoint> {
  const map = isRecord(index) ? index['weight_map'] : undefined;
  if (!isRecord(map) || Object.keys(map).length === 0)
    throw new CheckpointError('corrupt', where, 'an index without a weight_map');
  const wanted = new Map<string, Set<string>>();
  for (const [tensor, value] of Object.entries(map)) {
    const file = checkFileName(value, where);
    wanted.set(file, (wanted.get(file) ?? new Set()).add(tensor));
  }
  const shards = await openAll(folder, [...wanted.keys()], where);
  const tensors: StateDict = new Map();
  const notes = [`read from ${shards.size} shards`];
  let format: Checkpoint['format'] = 'safetensors';
  for (const [file, source] of shards) {
    const shard = await readFile(source, options);
    const names = wanted.get(file)!;
    const missing = [...names].filter((name) => !shard.tensors.has(name));
    const extra = [...shard.tensors.keys()].filter((name) => !names.has(name));
    if (missing.length > 0)
      throw new CheckpointError(
        'corrupt',
        source.name,
        `lacks ${missing[0]}, which the index says it holds (${missing.length} such)`,
      );
    if (extra.length > 0)
      throw new CheckpointError(
        'corrupt',
        source.name,
        `holds ${extra[0]}, which the index does not list there (${extra.length} such)`,
      );
    for (const [name, tensor] of shard.tensors) tensors.set(name, tensor);
    format = shard.format;
    notes.push(...shard.notes.filter((note) => !notes.includes(note)));
  }
  // In the order of the index, which is the model's.
  const ordered: StateDict = new Map(Object.keys(map).map((name) => [name, tensors.get(name)!]));
  return { format, tensors: ordered, notes, extras: new Map(), metadata: new Map() };
}

async function readTfjs(folder: SourceFolder): Promise<Checkpoint> {
  const source = await folder.open(TFJS);
  const model = await readJsonFile(source);
  const tensors = await readTfjsLayers(model, folder, source.name);
  return { format: 'tfjs-layers', tensors, notes: [], extras: new Map(), metadata: new Map(), config: model };
}

/** Reads a folder: timm style (config.json beside the weights), sharded, a TF.js model, or any with one weight file. */
export async function readFolder(
  folder: SourceFolder,
  options: ReadOptions,
  readFile: ReadFile,
): Promise<Checkpoint> {
  const files = await folder.list();
  const has = (file: string): boolean => files.includes(file);
  const config = has('config.json') ? { config: await readJsonFile(await folder.open('config.json')) } : {};
  const candidates = files.filter((file) => WEIGHTS.test(file));
  for (let i = 0; i < SINGLE.length; i++) {
    const single = SINGLE[i]!;
    if (has(single)) {
      const read = await readFile(await folder.open(single), options);
      return { ...read, ...config, notes: [`read from ${single}`, ...read.notes] };
    }
    const index = INDEXES[i]!;
    if (has(index)) {
      const source = await folder.open(index);
      return {
        ...(await readSharded(await readJsonFile(source), folder, source.name, options, readFile)),
        ...config,
      };
    }
  }
  if (has(TFJS)) return readTfjs(folder);
  if (candidates.length === 1) {
    const read = await readFile(await folder.open(candidates[0]!), options);
    return { ...read, ...config, notes: [`read from ${candidates[0]}`, ...read.notes] };
  }
  const exported = files.find((file) => /^saved_model\.pb$|\.(onnx|mlmodel)$/.test(file));
  if (exported !== undefined && candidates.length === 0)
    throw new CheckpointError(
      'unsupported',
      folder.name,
      `a model exported for another runtime (${exported}): its weights are constants of a graph. Give the checkpoint it was made from`,
    );
  throw new CheckpointError(
    'directory',
    folder.name,
    candidates.length > 1
      ? `a folder with several weight files (${candidates.slice(0, 5).join(', ')}): say which`
      : `a folder without a checkpoint: expected model.safetensors, pytorch_model.bin, an index of shards, or model.json (it has ${files.slice(0, 5).join(', ') || 'no files'})`,
  );
}
