import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder, writeError } from './files.js';
import { removeLeftovers, replaced, unfinished } from './leftovers.js';

const TEMPORARY = /\.tmp-\d+$/;

/**
 * Fills a new folder and gives it its name only when everything in it is on the disk: a crash at any moment leaves the
 * whole folder or none of that name. What a crash left of an earlier attempt is removed.
 *
 * @param replace what to do with a folder of that name that is already there: leave it as it is (default), or put the
 *   new one in its place
 */
export async function writeFolder(
  path: string,
  fill: (temporary: string) => Promise<void>,
  { replace = false }: { replace?: boolean } = {},
): Promise<void> {
  await removeLeftovers(path);
  if (!replace && existsSync(path)) return;
  const temporary = path + unfinished();
  try {
    await makeEmpty(temporary).catch(async (error: unknown) => {
      throw await writeError(error, path, 0);
    });
    await fill(temporary);
    await syncAll(temporary);
    await putInPlace(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

async function makeEmpty(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}

/** A folder cannot be renamed over one that is not empty: the old one steps aside first. */
async function putInPlace(temporary: string, path: string): Promise<void> {
  if (!existsSync(path)) return rename(temporary, path);
  const old = path + replaced();
  await rename(path, old);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rename(old, path);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/** Removes what a crash left of `writeFolder` in `parent`. */
export async function removeTemporaries(parent: string): Promise<void> {
  for (const name of await readdir(parent))
    if (TEMPORARY.test(name)) await rm(join(parent, name), { recursive: true, force: true });
}

/** Everything in a folder, however deep, and the folder. */
async function syncAll(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? syncAll(path) : sync(path);
    }),
  );
  await syncFolder(folder);
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
