import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { writeFileAtomic } from '../../runtime/files.js';

const whole = z.int().min(0);

const shardSchema = z.strictObject({
  file: z.string(),
  bytes: whole,
  samples: whole,
  sha256: z.string(),
  /** SHA-256 of the list of its pictures, `<file>.index`. Shards of earlier versions have none. */
  index: z.string().optional(),
  /** Samples of the source, in the order of packing, that were taken or passed over up to the end of this shard. */
  until: whole,
  /** Names of those among them that were passed over because they can't be read. */
  broken: z.array(z.string()),
});

const manifestSchema = z.strictObject({
  version: z.literal(1),
  /** What was packed, as the user wrote it. */
  source: z.string(),
  /** Of the names and labels of all samples of the source, in the source's order. */
  sourceSha256: z.string(),
  maxCount: whole,
  maxSize: whole,
  resize: whole.optional(),
  quality: whole.optional(),
  shuffleSeed: whole.optional(),
  numClasses: whole,
  classes: z.array(z.string()).optional(),
  /** Samples of the source. */
  length: whole,
  /** All shards are written. */
  complete: z.boolean(),
  shards: z.array(shardSchema),
});

/** What is in a set of shards, and what they were made of. */
export type Manifest = z.infer<typeof manifestSchema>;
export type ShardRecord = z.infer<typeof shardSchema>;

/** Reads a manifest; undefined where there is none. Throws UserError for a file that is none. */
export async function readManifest(file: string): Promise<Manifest | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new UserError(`${file} cannot be read (${error.message}).`, { cause: error });
  });
  if (text === undefined) return undefined;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UserError(
      `${file} is no manifest of shards: choose another --out, or remove it with its shards.`,
      {
        cause: error,
      },
    );
  }
}

export async function writeManifest(file: string, manifest: Manifest): Promise<void> {
  // Parsed: the keys stand in the order of the schema, wherever they come from.
  await writeFileAtomic(file, JSON.stringify(manifestSchema.parse(manifest), undefined, 1) + '\n');
}

/** What makes shards others: all but what comes out of the packing. */
const SETTINGS = ['sourceSha256', 'maxCount', 'maxSize', 'resize', 'quality', 'shuffleSeed'] as const;

/** @throws UserError naming the first setting in which the shards that are there differ from those that are wanted */
export function requireSameSettings(file: string, found: Manifest, wanted: Manifest): void {
  for (const key of SETTINGS)
    if (found[key] !== wanted[key]) {
      const what =
        key === 'sourceSha256'
          ? `other samples (of ${found.source}, ${found.length} images)`
          : `${key} ${String(found[key] ?? 'none')}, not ${String(wanted[key] ?? 'none')}`;
      throw new UserError(`${file}: its shards have ${what}: choose another --out, or remove them.`);
    }
}
