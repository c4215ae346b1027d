import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const TEMPORARY = /\.tmp-\d+$/;

/**
 * Fills a new folder and gives it its name when `fill` is done: a crash at any moment leaves the whole folder or none of that name. `fill` must leave its
 * files synced (`writeFileAtomic` does). A folder of that name that is already there is left as it is.
 */
export async function writeFolder(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return;
  const temporary = `${path}.tmp-${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** Removes what a crash left of `writeFolder` in `parent`. */
export async function removeTemporaries(parent: string): Promise<void> {
  for (const name of await readdir(parent))
    if (TEMPORARY.test(name)) await rm(join(parent, name), { recursive: true, force: true });
}

/** Makes the new name durable. Windows and some network disks cannot sync a folder; there the files are. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
