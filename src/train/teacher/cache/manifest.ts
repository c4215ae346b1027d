import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../../errors.js';
import { readTextIfThere, writeFileAtomic } from '../../../runtime/files.js';

/** What a cache was made of, by the names of the options that change it. */
export type CacheIdentity = Readonly<Record<string, string>>;

const FILE = 'manifest.json';
const schema = z.object({
  format: z.literal('recnext-teacher-cache'),
  version: z.literal(1),
  made: z.record(z.string(), z.string()),
});

/** Keys that only a run with the teacher itself knows. */
const OF_TEACHER = /^(teacher |precision$)/;
/** Differences that a message names one by one. */
const NAMED = 4;

export async function writeManifest(folder: string, made: CacheIdentity): Promise<void> {
  const manifest: z.input<typeof schema> = { format: 'recnext-teacher-cache', version: 1, made };
  await writeFileAtomic(join(folder, FILE), JSON.stringify(manifest, undefined, 2) + '\n');
}

/** What the cache in `folder` was made of; undefined where there is none. */
export async function readManifest(folder: string): Promise<CacheIdentity | undefined> {
  const path = join(folder, FILE);
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text)).made;
  } catch (error) {
    throw new UserError(`${path}: not the manifest of a teacher cache of this version.`, { cause: error });
  }
}

/**
 * Throws UserError naming what the cache was made of and this run does not have.
 *
 * @param expected of this run; without its teacher's keys where it has none
 */
export function requireSameIdentity(folder: string, found: CacheIdentity, expected: CacheIdentity): void {
  const withTeacher = Object.keys(expected).some((key) => OF_TEACHER.test(key));
  const keys = new Set([...Object.keys(expected), ...Object.keys(found)]);
  const differences = [...keys]
    .filter((key) => (withTeacher || !OF_TEACHER.test(key)) && found[key] !== expected[key])
    .map((key) => `${key} (expected ${shown(expected[key])}, found ${shown(found[key])})`);
  if (differences.length === 0) return;
  const more = differences.length - NAMED;
  throw new UserError(
    `${join(folder, FILE)}: the teacher cache of another run: ${differences.slice(0, NAMED).join('; ')}${more > 0 ? `; and ${more} more` : ''}. ` +
      `Train with what it was made with, or give another folder to --teacher-cache.`,
  );
}

function shown(value: string | undefined): string {
  if (value === undefined) return 'nothing';
  return value.length > 40 ? `${value.slice(0, 40)}…` : value;
}
