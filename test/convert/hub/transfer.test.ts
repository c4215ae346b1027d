import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FetchOptions } from '../../../src/runtime/fetch/fetch-options.js';
import { resolveWeights } from '../../../src/convert/hub/resolve-weights.js';
import { answer, corrupt, endAfter, hangUpAfter, stallAfter } from '../../helpers/file-server.js';
import { SHA } from '../../helpers/fake-hub.js';
import { ADDRESS, FAST, failure, noise, STALLING, unfinished, withHub } from './setup.js';

const WEIGHTS = noise(3_000_000);
const BLOB = createHash('sha256').update(WEIGHTS).digest('hex');
const FILE = 'model.safetensors';

describe('a transfer', () => {
  const at = withHub();
  const blobs = (): string => join(at.repoFolder, 'blobs');
  const get = (options: FetchOptions = {}): Promise<string> => {
    at.hub.files.set(FILE, WEIGHTS);
    return resolveWeights(ADDRESS, { ...FAST, ...options });
  };
  const arrived = (): boolean =>
    readFileSync(join(at.repoFolder, 'snapshots', SHA, FILE)).equals(WEIGHTS) &&
    unfinished(blobs()).length === 0;
  const ranges = (): (string | undefined)[] => at.hub.fetched(FILE).map(({ headers }) => headers.range);
  /** Where a request goes on. What fetch has taken in but not handed out when a connection breaks is lost. */
  const offset = (index: number): number => Number(/^bytes=(\d+)-$/.exec(ranges().at(index) ?? '')?.[1] ?? 0);
  const expectNear = (value: number, most: number): void => {
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThanOrEqual(most);
  };
  const leave = (name: string, bytes: Uint8Array): void => {
    mkdirSync(blobs(), { recursive: true });
    writeFileSync(join(blobs(), `${BLOB}.${name}.incomplete`), bytes);
  };
  const HOST = hostname().replace(/[^\w-]/g, '-');

  it('shows how far it is, of the true total', async () => {
    const steps: number[] = [];
    const lines: string[] = [];
    let done = 0;
    await get({
      notice: (line) => lines.push(line),
      startProgress: (file, bytes) => {
        expect([file, bytes]).toEqual([FILE, WEIGHTS.length]);
        return { update: (value) => steps.push(value), done: () => done++ };
      },
    });
    expect(lines).toEqual([expect.stringMatching(/^fetching .*\/model\.safetensors \(3\.0 MB\)$/)]);
    expect(steps[0]).toBe(0);
    expect(steps.at(-1)).toBe(WEIGHTS.length);
    expect([...steps].sort((a, b) => a - b)).toEqual(steps);
    expect(done).toBe(1);
    expect(arrived()).toBe(true);
  });

  it.each([
    ['stalls', stallAfter(1_000_000)],
    ['breaks off', hangUpAfter(1_000_000)],
    ['ends early without saying so', endAfter(1_000_000)],
  ])('that %s goes on where it was', async (_, fault) => {
    at.hub.cdn.faults.push(fault, hangUpAfter(500_000));
    await get(STALLING);
    expect(arrived()).toBe(true);
    const [first, second, third] = at.hub.fetched(FILE);
    expect(first?.headers.range).toBeUndefined();
    expectNear(offset(1), 1_000_000);
    // What the CDN said of the first part must still hold for the rest.
    expect(second?.headers['if-range']).toBe(`"${createHash('md5').update(WEIGHTS).digest('hex')}"`);
    expect(third).toBeDefined();
    expectNear(offset(2), 1_500_000);
    expect(offset(2)).toBeGreaterThanOrEqual(offset(1));
  });

  it('begins anew where the server knows no ranges, or sends another part than was asked for', async () => {
    at.hub.cdn.ranges = false;
    at.hub.cdn.faults.push(hangUpAfter(1_000_000));
    await get();
    expect(ranges()).toHaveLength(2);
    expectNear(offset(1), 1_000_000);
    expect(arrived()).toBe(true);
  });

  it('distrusts a part that was not asked for', async () => {
    at.hub.cdn.faults.push(hangUpAfter(1_000_000), ({ response, headers, body }) => {
      response
        .writeHead(206, { ...headers, 'content-range': `bytes 5-${body.length + 4}/${WEIGHTS.length}` })
        .end(body);
    });
    await get();
    expect(ranges()).toEqual([undefined, expect.any(String), undefined]);
    expect(arrived()).toBe(true);
  });

  it('survives a server that has no time', async () => {
    at.hub.cdn.faults.push(answer(500), answer(503, { 'retry-after': '0' }), answer(429));
    await get();
    expect(arrived()).toBe(true);
    expect(at.hub.fetched(FILE)).toHaveLength(4);
  });

  it('that never gets on ends in one line, and the next one goes on from there', async () => {
    at.hub.cdn.faults.push(...Array.from({ length: 4 }, () => hangUpAfter(100_000)));
    expect(await failure(get())).toMatch(/failed again and again: .*Try later: what has come is kept/);
    expect(at.hub.fetched(FILE)).toHaveLength(4);
    expect(existsSync(join(blobs(), BLOB))).toBe(false);
    expect(unfinished(blobs())).toHaveLength(1);
    const lines: string[] = [];
    await get({ notice: (line) => lines.push(line) });
    expect(lines.join()).toMatch(/\(3\.0 MB, from 0\.\d MB on\)/);
    expectNear(offset(-1), 400_000);
    expect(arrived()).toBe(true);
  });

  it('goes on with what a process left that is gone, and drops a rotten part', async () => {
    const gone = 2 ** 22 + 1;
    leave(`${HOST}.${gone}.00000000`, WEIGHTS.subarray(0, 2_000_000));
    leave(`${HOST}.${gone}.00000001`, WEIGHTS.subarray(0, 1_000_000));
    await get();
    expect(ranges()).toEqual(['bytes=2000000-']);
    expect(arrived()).toBe(true);
  });

  it('finds out that what was left is rotten, and fetches the whole', async () => {
    leave(`${HOST}.0.00000000`, noise(2_000_000, 'rotten'));
    await get();
    expect(ranges()).toEqual(['bytes=2000000-', undefined]);
    expect(arrived()).toBe(true);
  });

  it('that brings wrong bytes twice is refused, with both checksums, and leaves no file', async () => {
    at.hub.cdn.faults.push(corrupt, corrupt);
    expect(await failure(get())).toMatch(
      new RegExp(`other bytes than it says, twice: expected sha256 ${BLOB}, found [0-9a-f]{64}`),
    );
    expect(existsSync(join(blobs(), BLOB))).toBe(false);
    expect(existsSync(join(at.repoFolder, 'snapshots'))).toBe(false);
    at.hub.cdn.faults.push(corrupt);
    await get();
    expect(arrived()).toBe(true);
  });

  it('does not begin what the disk has no room for', async () => {
    at.hub.claimedSize = 1e15;
    expect(await failure(get())).toMatch(
      /1000000000\.0 MB needed in .*, \d+\.\d MB free: free some space, or set HF_HUB_CACHE/,
    );
    expect(at.hub.fetched(FILE)).toHaveLength(0);
  });

  it('notices a file that is longer than the hub says', async () => {
    at.hub.claimedSize = 1_000_000;
    expect(await failure(get())).toMatch(/more than the 1000000 bytes announced came/);
    expect(existsSync(join(blobs(), BLOB))).toBe(false);
  });

  it('checks files in git by their name in git', async () => {
    at.hub.files.set('config.json', Buffer.from('{}'));
    at.hub.hub.faults.push(corrupt, corrupt);
    expect(await failure(get())).toMatch(/twice: expected git-sha1 [0-9a-f]{40}, found/);
  });

  it('gives up on redirects in circles', async () => {
    at.hub.cdn.hook = (request, response) => {
      response.writeHead(302, { location: request.url }).end();
      return true;
    };
    expect(await failure(get())).toMatch(/redirects in circles \(10 times\)/);
    expect(unfinished(blobs())).toHaveLength(1);
  });

  it('does not follow redirects to other kinds of addresses', async () => {
    at.hub.cdn.hook = (_, response) => {
      response.writeHead(302, { location: 'data:text/plain,hello' }).end();
      return true;
    };
    expect(await failure(get())).toMatch(/redirects to an address of the kind data:/);
  });

  it('is made once when several need the file at once', async () => {
    at.hub.cdn.faults.push(stallAfter(1_000_000));
    const lines: string[] = [];
    const all = await Promise.all(
      [1, 2, 3].map(() => get({ ...STALLING, notice: (line) => lines.push(line) })),
    );
    expect(new Set(all).size).toBe(1);
    expect(arrived()).toBe(true);
    // One transfer, in two parts.
    expect(ranges()).toEqual([undefined, 'bytes=1000000-']);
    expect(lines.filter((line) => line.startsWith('fetching'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('another process'))).toHaveLength(2);
  });

  it('can be stopped, and keeps what has come', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    at.hub.cdn.faults.push(stallAfter(1_000_000));
    const fetching = get({
      signal: stop.signal,
      startProgress: () => ({
        update: (bytes) => bytes === 1_000_000 && stop.abort(reason),
        done: () => undefined,
      }),
    });
    await expect(fetching).rejects.toBe(reason);
    await get();
    expect(ranges()).toEqual([undefined, 'bytes=1000000-']);
    expect(arrived()).toBe(true);
  });
});
