import { UserError } from '../../errors.js';
import { exportedFiles } from '../exported-files.js';
import { checkFileName } from '../read/file-names.js';
import { isRecord } from '../read/json.js';

/** Single files of weights and their sharded forms, best first: the order in which folders are read. */
const WEIGHTS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'model.json',
];

/** What belongs to weights, whatever their form: configuration and names of the classes. */
const BESIDE = ['config.json', 'classes.txt'];

/** What else a file of weights may be called, in a repository with just one. */
const CHECKPOINT = /\.(safetensors|pth|pt|bin|ckpt)$/i;

/** Whether a file lists others that belong to it. */
export const isList = (file: string): boolean => /(^|\/)(model\.json|[^/]+\.index\.json)$/.test(file);

export interface ChooseOptions {
  /** Where there are no weights, take a SavedModel or an ONNX file. */
  readonly exported?: boolean;
}

export interface Choice {
  /** Folder in the repository, with a slash at its end, or nothing. */
  readonly folder: string;
  /** To be brought, the weights last. */
  readonly files: readonly string[];
}

/**
 * Which files of a repository are meant by a folder of it: its weights in their best form, or a model exported for another runtime, and what belongs to them.
 *
 * @param folder with a slash at its end; nothing for the repository itself
 * @param there all files of the repository
 * @throws UserError where there are no weights, or several that none can be chosen from
 */
export function chooseFiles(
  folder: string,
  there: readonly string[],
  address: string,
  { exported = false }: ChooseOptions = {},
): Choice {
  const names = there.filter((file) => file.startsWith(folder)).map((file) => file.slice(folder.length));
  const direct = names.filter((name) => !name.includes('/'));
  const candidates = direct.filter((name) => CHECKPOINT.test(name));
  const weights =
    WEIGHTS.find((name) => direct.includes(name)) ?? (candidates.length === 1 ? candidates[0] : undefined);
  const beside = BESIDE.filter((name) => direct.includes(name));
  const choice = (...files: string[]): Choice => ({
    folder,
    files: [...beside, ...files].map((name) => folder + name),
  });
  if (weights === undefined) {
    const others = exported && candidates.length === 0 ? exportedFiles(names, address) : undefined;
    if (others) return choice(...others);
    throw new UserError(
      candidates.length > 1
        ? `${address} has several files of weights (${some(candidates)}): say which, as in ${address}/${candidates[0]}`
        : `${address} has no weights: expected ${WEIGHTS[0]} or ${WEIGHTS[2]}, found ${some(direct) || 'no files'}`,
    );
  }
  return choice(weights);
}

/**
 * The files that an index of shards or a model.json lists; they lie beside it.
 *
 * @param list its content
 * @param there all files of the repository
 * @throws CheckpointError for names that lead elsewhere, UserError for files that are not there
 */
export function listedFiles(
  list: unknown,
  folder: string,
  there: readonly string[],
  where: string,
): string[] {
  const files = listedNames(list, where).map((name) => folder + name);
  const missing = files.filter((file) => !there.includes(file));
  if (missing.length > 0)
    throw new UserError(
      `${where}: the repository lacks ${missing.length} of its ${files.length} files: ${some(missing)}`,
    );
  return files;
}

/** Names of the files that an index of shards or a model.json lists. Throws CheckpointError for names that lead elsewhere. */
export function listedNames(list: unknown, where: string): string[] {
  const names = isRecord(list) ? [...weightMap(list), ...manifest(list)] : [];
  return [...new Set(names)].map((name) => checkFileName(name, where));
}

function weightMap({ weight_map: map }: Record<string, unknown>): unknown[] {
  return isRecord(map) ? Object.values(map) : [];
}

function manifest({ weightsManifest: groups }: Record<string, unknown>): unknown[] {
  return Array.isArray(groups)
    ? groups.flatMap((group: unknown) =>
        isRecord(group) && Array.isArray(group['paths']) ? group['paths'] : [],
      )
    : [];
}

function some(names: readonly string[]): string {
  return names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
}
