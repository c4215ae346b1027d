import type * as tf from '@tensorflow/tfjs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openJson } from '../../convert/files.js';
import { checkFileName } from '../../convert/read/file-names.js';
import { isRecord } from '../../convert/read/json.js';
import { UserError } from '../../errors.js';

export interface TfjsFiles {
  /** What `tf.io.fromMemory` takes. */
  readonly artifacts: tf.io.ModelArtifacts;
  /** The model.json as it is. */
  readonly json: Readonly<Record<string, unknown>>;
  /** All files of the model. */
  readonly files: readonly string[];
}

/**
 * The files of a TF.js model on this machine: its model.json and the weight files beside it, which the json names.
 *
 * @throws UserError for files that are missing, or lie elsewhere
 */
export async function readTfjsFiles(path: string): Promise<TfjsFiles> {
  const json = await openJson(path);
  const manifest = isRecord(json) ? json.weightsManifest : undefined;
  if (!isRecord(json) || !Array.isArray(manifest))
    throw new UserError(`${path}: no weightsManifest: not the model.json of a TF.js model.`);
  const names: string[] = [];
  const weightSpecs: tf.io.WeightsManifestEntry[] = [];
  for (const group of manifest) {
    const { paths, weights } = isRecord(group) ? group : {};
    if (!Array.isArray(paths) || !Array.isArray(weights))
      throw new UserError(`${path}: a group of its weightsManifest lacks paths or weights.`);
    names.push(...paths.map((name) => checkFileName(name, path)));
    weightSpecs.push(...(weights as tf.io.WeightsManifestEntry[]));
  }
  const files = names.map((name) => join(dirname(path), name));
  return {
    json,
    files: [path, ...files],
    artifacts: {
      ...json,
      modelTopology: json.modelTopology as object,
      weightSpecs,
      weightData: await readAll(files, path),
    },
  };
}

async function readAll(files: readonly string[], path: string): Promise<ArrayBuffer> {
  const sizes = await Promise.all(
    files.map(async (file) => {
      const info = await stat(file).catch(() => undefined);
      if (!info?.isFile())
        throw new UserError(
          `${path} names ${file}, which is not there: expected its weight files beside it.`,
        );
      return info.size;
    }),
  );
  const all = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let filled = 0;
  for (const file of files) {
    all.set(await readFile(file), filled);
    filled += sizes[files.indexOf(file)]!;
  }
  return all.buffer;
}
