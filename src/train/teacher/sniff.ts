import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { onnxAmong } from '../../convert/exported-files.js';
import { openJson } from '../../convert/files.js';
import { isRecord } from '../../convert/read/json.js';

export type TeacherFormat = 'weights' | 'graph-model' | 'layers-model' | 'savedmodel' | 'onnx';

/** Where a teacher is: `path` is a folder of a SavedModel, the model.json of a TF.js model, otherwise what was given. */
export interface FoundTeacher {
  readonly format: TeacherFormat;
  readonly path: string;
  /** Of a model that has a folder of its own: what else is in it is about it. */
  readonly folder?: string;
}

/** What the formats of this toolkit are recognised by: they come first. */
const WEIGHTS = /^(model\.safetensors|pytorch_model\.bin)(\.index\.json)?$/;

/** Recognises a model by what lies at `path`; everything that is nothing else is weights, and told of by who reads them. */
export async function sniffTeacher(path: string): Promise<FoundTeacher> {
  const weights: FoundTeacher = { format: 'weights', path };
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return weights;
  if (!info.isDirectory()) {
    const name = basename(path);
    if (/\.onnx$/i.test(name)) return { format: 'onnx', path };
    if (name === 'saved_model.pb')
      return { format: 'savedmodel', path: dirname(path), folder: dirname(path) };
    return /\.json$/i.test(name) ? ofModelJson(path) : weights;
  }
  const names = await readdir(path);
  if (names.some((name) => WEIGHTS.test(name))) return weights;
  if (names.includes('saved_model.pb')) return { format: 'savedmodel', path, folder: path };
  if (names.includes('model.json')) {
    const found = await ofModelJson(join(path, 'model.json'));
    return found.format === 'weights' ? weights : found;
  }
  const inside = names.includes('onnx') ? await readdir(join(path, 'onnx')).catch(() => []) : [];
  const onnx = onnxAmong([...names, ...inside.map((name) => `onnx/${name}`)], path);
  return onnx === undefined ? weights : { format: 'onnx', path: join(path, onnx), folder: path };
}

/** A LayersModel that this toolkit wrote is as good as its weights. */
async function ofModelJson(path: string): Promise<FoundTeacher> {
  const json = await openJson(path);
  if (!isRecord(json)) return { format: 'weights', path };
  const { format, modelTopology: topology, userDefinedMetadata: metadata } = json;
  // Early converters wrote no format.
  if (format === 'graph-model' || (isRecord(topology) && Array.isArray(topology.node)))
    return { format: 'graph-model', path, folder: dirname(path) };
  const isOurs = isRecord(metadata) && 'recnext' in metadata;
  const isModel = isRecord(topology) && 'weightsManifest' in json;
  return isModel && !isOurs
    ? { format: 'layers-model', path, folder: dirname(path) }
    : { format: 'weights', path };
}
