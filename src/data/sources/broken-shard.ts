import { z } from 'zod';
import type { UserError } from '../../errors.js';
import { DamagedError } from './damage.js';
import type { DataFile } from './data-file.js';

/** A file of samples that is left out, because it stayed broken. */
export interface BrokenShard {
  /** Its path or address. */
  readonly name: string;
  readonly bytes: number;
  readonly reason: string;
  /** It came from elsewhere, and was no better the second time. */
  readonly fetchedAgain: boolean;
  /** How many samples it should hold by the manifest beside it; undefined where there is none. */
  readonly samples: number | undefined;
  /** Names of the samples that were found in it before the damage. */
  readonly found: readonly string[];
}

/** The part of the manifest that `recnext shards` writes which says how many samples there are. */
const schema = z.object({ shards: z.array(z.object({ file: z.string(), samples: z.int().min(0) })) });

/** What the manifest of a shard is called: `train-000000.tar` has `train.manifest.json` beside it. */
export function manifestOf(shard: string): string | undefined {
  const [, before, after] = /^(.*?)\d+(\D*)\.tar$/.exec(shard.slice(shard.lastIndexOf('/') + 1)) ?? [];
  if (before === undefined) return undefined;
  return `${(before + after!).replace(/[-_.]+$/, '') || 'shards'}.manifest.json`;
}

/** What is told of a shard that is left out. */
export async function describeBroken(
  file: DataFile,
  error: UserError,
  fetchedAgain: boolean,
): Promise<BrokenShard> {
  const { name, size } = file;
  const found = error instanceof DamagedError ? error.found : [];
  return { name, bytes: size, reason: error.message, fetchedAgain, samples: await countOf(file), found };
}

async function countOf(file: DataFile): Promise<number | undefined> {
  const manifest = manifestOf(file.name);
  if (manifest === undefined) return undefined;
  try {
    const text = await file.beside(manifest);
    if (text === undefined) return undefined;
    const base = file.name.slice(file.name.lastIndexOf('/') + 1);
    return schema.parse(JSON.parse(text)).shards.find((shard) => shard.file === base)?.samples;
  } catch {
    return undefined; // the count is good to know, and no more
  }
}
