import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { PER_CLASS, readPerClass, type PerClass } from '../eval/per-class.js';

const LOG = 'log.txt';
const CONFIG = 'config.yaml';

/** A log of a hundred thousand epochs, or a configuration of a thousand pages, is something else. */
const MAX_BYTES = 32 * 2 ** 20;

const value = z
  .number()
  .nullish()
  .transform((number) => number ?? undefined);
const lineSchema = z.object({
  epoch: z.int().min(0).max(1_000_000),
  train_lr: value,
  train_loss: value,
  train_acc1: value,
  test_loss: value,
  test_acc1: value,
  test_acc5: value,
  test_ema_loss: value,
  test_ema_acc1: value,
  test_ema_acc5: value,
});

/** A line of log.txt: losses, learning rate, accuracies in percent; `epoch` counts from 0. */
export type EpochLine = z.output<typeof lineSchema>;

/** What a run left: how it was set up, how it went. */
export interface RunRecord {
  /** Told apart from the others of the report. */
  readonly name: string;
  readonly path: string;
  /** In the order of the epochs; at least one. */
  readonly epochs: readonly EpochLine[];
  /** Options by name, as text; empty where the run says nothing of them. */
  readonly config: ReadonlyMap<string, string>;
  readonly perClass: PerClass | undefined;
}

/**
 * Reads run folders, or log.txt files alone (the reference's as well).
 *
 * @throws UserError naming the file that cannot be read or is none of a run
 */
export async function readRuns(paths: readonly string[]): Promise<RunRecord[]> {
  const names = namesOf(paths);
  const runs: RunRecord[] = [];
  for (const [i, path] of paths.entries()) runs.push(await readRun(path, names[i]!));
  return runs;
}

async function readRun(path: string, name: string): Promise<RunRecord> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined)
    throw new UserError(`${path} does not exist: expected the folder of a run, or its ${LOG}.`);
  if (!found.isDirectory())
    return {
      name,
      path,
      epochs: parseLog(await readText(path), path),
      config: new Map(),
      perClass: undefined,
    };
  const log = join(path, LOG);
  const config = join(path, CONFIG);
  const text = await readText(log).catch((error: unknown) => {
    if (
      !(error instanceof UserError) ||
      (error.cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT'
    )
      throw error;
    throw new UserError(`${path} holds no ${LOG}: expected the folder of a run that has done an epoch.`, {
      cause: error,
    });
  });
  return {
    name,
    path,
    epochs: parseLog(text, log),
    config: (await stat(config).catch(() => undefined))
      ? parseConfig(await readText(config), config)
      : new Map(),
    perClass: await readPerClass(join(path, PER_CLASS)),
  };
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES)
      throw new UserError(
        `${path}: ${size} bytes, expected a small text file of a run (at most ${MAX_BYTES}).`,
      );
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path}: cannot be read (${(error as Error).message}).`, { cause: error });
  }
}

/** The last line may be cut off by a crash; of an epoch that was done twice the later line counts. */
function parseLog(text: string, path: string): EpochLine[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const byEpoch = new Map<number, EpochLine>();
  for (const [i, line] of lines.entries()) {
    const parsed = lineSchema.safeParse(parseLine(line));
    if (parsed.success) byEpoch.set(parsed.data.epoch, parsed.data);
    else if (i < lines.length - 1)
      throw new UserError(
        `${path}, line ${i + 1}: not a line of a training log (one JSON object an epoch, with its number).`,
      );
  }
  if (byEpoch.size === 0) throw new UserError(`${path}: no epoch in it yet.`);
  return [...byEpoch.values()].sort((a, b) => a.epoch - b.epoch);
}

/** Python writes what is not a number as such, which JSON does not know: it becomes a gap. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line.replace(/(?<=:\s*)(NaN|-?Infinity)(?=\s*[,}])/g, 'null'));
  } catch {
    return undefined;
  }
}

function parseConfig(text: string, path: string): Map<string, string> {
  const document = parseDocument(text);
  const options: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 10 });
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new UserError(`${path}: expected "option: value" lines.`);
  const texts = Object.entries(options).map(([key, of]): [string, string] => [
    key,
    typeof of === 'string' ? of : JSON.stringify(of),
  ]);
  return new Map(texts);
}

/** The shortest ends of the paths that tell them apart. */
function namesOf(paths: readonly string[]): string[] {
  const full = paths.map((path) => {
    const absolute = resolve(path);
    return basename(absolute) === LOG ? dirname(absolute) : absolute.replace(/\.txt$/, '');
  });
  const ends = (count: number) => full.map((path) => path.split(/[\\/]/).slice(-count).join('/'));
  for (let count = 1; count < 8; count++) {
    const names = ends(count);
    if (new Set(names).size === names.length) return names;
  }
  return full.map((path, i) => `${path} (${i + 1})`);
}
