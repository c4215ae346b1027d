import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Suffix of what a process writes before it has its final name. */
export const unfinished = (pid = process.pid): string => `.tmp-${pid}`;

/** What stands aside while its successor takes its name. */
export const replaced = (pid = process.pid): string => `.old${unfinished(pid)}`;

/**
 * Removes what killed processes of this machine left of writing `path`: unfinished files and folders beside it. A folder that
 * was put aside for its successor, and whose name nobody took, gets its name back. What cannot be removed stays.
 */
export async function removeLeftovers(path: string): Promise<void> {
  const [parent, name] = [dirname(path), basename(path)];
  const names = await readdir(parent).catch((): string[] => []);
  for (const found of names) {
    const pid = /\.tmp-(\d+)$/.exec(found)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const leftover = join(parent, found);
    if (found === name + replaced(Number(pid)) && !names.includes(name))
      await rename(leftover, path).catch(() => undefined);
    else if (found === name + unfinished(Number(pid)) || found === name + replaced(Number(pid)))
      await rm(leftover, { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
