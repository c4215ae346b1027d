import { closeSync, openSync, readFileSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { UserError } from '../errors.js';

interface Owner {
  pid: number;
  host: string;
}

/** Locks of this process: its own number in a file does not tell them from those of an earlier process with the same number. */
const held = new Set<string>();

/**
 * Takes the lock file `path` for this process, so that two processes do not write into one folder. The file names process and host.
 * A lock whose process is gone is taken over; `notice` is told so.
 *
 * @returns gives the lock back; also called when the process exits
 * @throws UserError naming the process that holds it
 */
export function takeLock(path: string, notice: (line: string) => void): () => void {
  if (!create(path)) {
    const owner = readOwner(path);
    if (held.has(path) || (owner && isAlive(owner)))
      throw new UserError(
        `${path}: the folder is used by process ${owner?.pid ?? process.pid} on ${owner?.host ?? hostname()}. Wait for it, stop it, ` +
          `or choose another folder with -o (if that process is gone, delete the lock file).`,
      );
    notice(`${path}: its process${owner ? ` ${owner.pid}` : ''} is gone; taking the folder over.`);
    rmSync(path, { force: true });
    if (!create(path)) throw new UserError(`${path}: another process has just taken the folder.`);
  }
  held.add(path);
  const release = () => {
    process.off('exit', release);
    if (held.delete(path)) rmSync(path, { force: true });
  };
  process.on('exit', release);
  return release;
}

function create(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(file, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner));
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
  return true;
}

/** Undefined when the file is not one of ours, or was cut off. */
function readOwner(path: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as Partial<Owner> | null;
    if (typeof owner?.pid === 'number' && typeof owner.host === 'string') return owner as Owner;
  } catch {
    return undefined;
  }
  return undefined;
}

/** Of a process on another host nothing is known: it counts as alive. */
function isAlive({ pid, host }: Owner): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
