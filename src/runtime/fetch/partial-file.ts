import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Files on their way in, safe for several processes without a lock: each writes to a file that carries its own name, so that no
 * two ever write to one. What a process left that is gone is taken over by renaming it, which only one can do.
 */
interface Partial {
  readonly path: string;
  readonly size: number;
  /** `left`: nobody writes to it any more; `busy`: somebody does; `unknown`: not ours to touch, not worth waiting for. */
  readonly state: 'left' | 'busy' | 'unknown';
}

/** No process: the writer has given up and left it. */
const NOBODY = 0;

/** A live writer lets no longer pass without a byte, its retries included. */
const IDLE_MS = 10 * 60_000;

const HOST = hostname().replace(/[^\w-]/g, '-') || 'host';

function nameOf(target: string, pid: number): string {
  return `${target}.${HOST}.${pid}.${randomBytes(4).toString('hex')}.incomplete`;
}

/**
 * Takes hold of the unfinished file of `target`: what an earlier process left of it, or a new, empty one. Waits while another
 * process fetches it. Gives undefined once `target` is there.
 *
 * @param onWait called once, when it begins to wait
 */
export async function claimPartial(
  target: string,
  { pollMs, signal, onWait }: { pollMs: number; signal?: AbortSignal; onWait?: () => void },
): Promise<string | undefined> {
  for (let waiting = false; ;) {
    if (existsSync(target)) return undefined;
    const there = await partialsOf(target);
    if (!there.some(({ state }) => state === 'busy')) {
      const mine = (await takeOver(target, there)) ?? (await create(target));
      if (await isAlone(target, mine)) {
        // Another may have finished between the two looks; from here on nobody can.
        if (!existsSync(target)) return mine;
        await rm(mine, { force: true });
        return undefined;
      }
      await releasePartial(target, mine);
    } else if (!waiting) {
      waiting = true;
      onWait?.();
    }
    await sleep(pollMs * (0.5 + Math.random()), undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** Leaves an unfinished file to whoever comes next. */
export async function releasePartial(target: string, partial: string): Promise<void> {
  await rename(partial, nameOf(target, NOBODY)).catch(() => undefined);
}

async function create(target: string): Promise<string> {
  const mine = nameOf(target, process.pid);
  await (await open(mine, 'wx')).close();
  return mine;
}

/** The largest of what was left becomes ours, the rest is removed. */
async function takeOver(target: string, there: readonly Partial[]): Promise<string | undefined> {
  let taken: string | undefined;
  for (const { path, state } of [...there].sort((a, b) => b.size - a.size)) {
    if (state !== 'left') continue;
    if (taken !== undefined) {
      await rm(path, { force: true });
      continue;
    }
    const mine = nameOf(target, process.pid);
    const won = await rename(path, mine).then(
      () => true,
      () => false,
    );
    if (won) taken = mine;
  }
  return taken;
}

/**
 * Whether nobody else writes. Each makes its file before it looks, so that of several at most one finds itself alone; that none
 * does is possible, and they try again at different times.
 */
async function isAlone(target: string, mine: string): Promise<boolean> {
  return (await partialsOf(target)).every(({ path, state }) => state !== 'busy' || path === mine);
}

async function partialsOf(target: string): Promise<Partial[]> {
  const folder = dirname(target);
  const found: Partial[] = [];
  for (const name of await readdir(folder)) {
    const rest = name.startsWith(`${basename(target)}.`) ? name.slice(basename(target).length) : '';
    const [, host, pid] = /^\.([\w-]+)\.(\d+)\.[0-9a-f]{8}\.incomplete$/.exec(rest) ?? [];
    if (host === undefined) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) continue;
    const owner = Number(pid);
    const left = owner === NOBODY || (host === HOST && !isAlive(owner));
    const idle = Date.now() - info.mtimeMs > IDLE_MS;
    found.push({ path, size: info.size, state: left ? 'left' : idle ? 'unknown' : 'busy' });
  }
  return found;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
