import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FetchOptions } from '../../../src/runtime/fetch/fetch-options.js';
import { resolveWeights } from '../../../src/convert/hub/resolve-weights.js';
import { answer, endAfter, FileServer, hangUpAfter, stallAfter } from '../../helpers/file-server.js';
import { FAST, failure, noise, STALLING, TOKEN, withHub } from './setup.js';

const WEIGHTS = noise(3_000_000);
const PATH = '/weights/m0 base.pth';

describe('weights from the web', () => {
  const at = withHub();
  let server: FileServer;
  beforeEach(async () => {
    server = await new FileServer().start();
    server.files.set(PATH, WEIGHTS);
  });
  afterEach(() => server.stop());
  const get = (options: FetchOptions = {}, address = server.url + encodeURI(PATH)): Promise<string> =>
    resolveWeights(address, { ...FAST, ...options });
  const read = async (path: Promise<string>): Promise<Buffer> => readFileSync(await path);
  const ranges = (): (string | undefined)[] => server.bodies(PATH).map(({ headers }) => headers.range);

  it.each(['strong', 'weak', 'date'] as const)(
    'are fetched once while the server says they are the same: %s validator',
    async (kind) => {
      server.validator = kind;
      const path = await get();
      expect(readFileSync(path).equals(WEIGHTS)).toBe(true);
      expect(path).toMatch(/[\\/]m0_base\.pth$/);
      expect(path.startsWith(join(at.folder, 'own', 'weights'))).toBe(true);
      expect(await get()).toBe(path);
      expect(server.bodies(PATH)).toHaveLength(1);
      const changed = noise(1000, 'new');
      server.files.set(PATH, changed);
      expect((await read(get())).equals(changed)).toBe(true);
      // The other version is another file: who reads it is not disturbed.
      expect(readFileSync(path).equals(WEIGHTS)).toBe(true);
    },
  );

  it('are fetched each time from a server that does not tell versions apart', async () => {
    server.validator = 'none';
    await get();
    server.files.set(PATH, noise(1000, 'new'));
    expect((await read(get())).equals(noise(1000, 'new'))).toBe(true);
    server.faults.push(endAfter(100));
    expect((await read(get())).length).toBe(1000);
  });

  it('are resumed, unless the file changed in between', async () => {
    server.faults.push(stallAfter(1_000_000));
    expect((await read(get(STALLING))).equals(WEIGHTS)).toBe(true);
    expect(ranges()).toEqual([undefined, 'bytes=1000000-']);
    expect(server.bodies(PATH)[1]?.headers['if-range']).toBe(
      `"${createHash('md5').update(WEIGHTS).digest('hex')}"`,
    );
  });

  it('that change while they come are fetched anew, not mixed', async () => {
    const changed = noise(2_500_000, 'new');
    server.faults.push((reply) => {
      server.files.set(PATH, changed);
      hangUpAfter(1_000_000)(reply);
    });
    expect((await read(get())).equals(changed)).toBe(true);
  });

  it('are never joined from parts that a weak ETag calls the same', async () => {
    server.validator = 'weak';
    server.faults.push(...Array.from({ length: 4 }, () => hangUpAfter(100_000)));
    expect(await failure(get())).toMatch(/failed again and again/);
    expect((await read(get())).equals(WEIGHTS)).toBe(true);
    expect(ranges().at(-1)).toBeUndefined();
  });

  it('come from the cache offline, or with a word of it when the server cannot be reached', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await failure(get())).toMatch(
      /m0%20base\.pth is not in the cache \(.*\), and nothing may be fetched \(--offline, HF_HUB_OFFLINE\)/,
    );
    expect(server.requests).toEqual([]);
    vi.stubEnv('HF_HUB_OFFLINE', '');
    const path = await get();
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await get()).toBe(path);
    vi.stubEnv('HF_HUB_OFFLINE', '');
    await server.stop();
    const lines: string[] = [];
    expect(await get({ notice: (line) => lines.push(line) })).toBe(path);
    expect(lines).toEqual([
      expect.stringMatching(/nothing listens there \(ECONNREFUSED\); taking the copy in the cache$/),
    ]);
  });

  it('say what is wrong in one line', async () => {
    expect(await failure(get({}, `${server.url}/no.pth`))).toMatch(
      /\/no\.pth: there is no such file on the server \(404\)/,
    );
    server.files.set('/empty.pth', Buffer.alloc(0));
    expect(await failure(get({}, `${server.url}/empty.pth`))).toMatch(/is an empty file/);
    server.hook = (_, response) => {
      response.writeHead(403).end();
      return true;
    };
    expect(await failure(get({}, `${server.url}/a.pth?X-Amz-Signature=signature`))).toMatch(
      /\/a\.pth: the server refuses access \(403\): a signed/,
    );
    server.hook = undefined;
    expect(await failure(get({}, 'ftp://host/a.pth'))).toMatch(/cannot be fetched from ftp:\/\//);
    expect(await failure(get({}, 'https://'))).toMatch(/is no URL/);
    server.faults.push(...Array.from({ length: 4 }, () => answer(502)));
    expect(await failure(get())).toMatch(/failed again and again: it answers 502/);
  });

  it('send a name and a password to their own server only, and the token of the hub to none', async () => {
    const other = await new FileServer().start();
    other.files.set('/b.pth', WEIGHTS);
    server.hook = (_, response) => {
      response.writeHead(302, { location: `${other.url}/b.pth` }).end();
      return true;
    };
    const address = new URL(`${server.url}/a.pth`);
    address.username = 'me';
    address.password = TOKEN;
    const lines: string[] = [];
    const path = await get({ notice: (line) => lines.push(line) }, address.href);
    expect(lines.join()).not.toContain(TOKEN);
    const basic = `Basic ${Buffer.from(`me:${TOKEN}`).toString('base64')}`;
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([basic, basic]);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    for (const file of readdirSync(join(at.folder, 'own'), { recursive: true, withFileTypes: true }))
      expect(file.name).not.toContain(TOKEN);
    expect(readFileSync(join(path, '..', '..', 'current.json'), 'utf8')).not.toContain(TOKEN);
    server.hook = (_, response) => {
      response.writeHead(401).end();
      return true;
    };
    expect(await failure(get({}, address.href))).toMatch(/refuses access \(401\)/);
    await other.stop();
  });

  it('leave paths as they are', async () => {
    for (const path of ['weights.pth', './a/b', 'C:\\weights\\a.pth', '/data/x y'])
      expect(await resolveWeights(path)).toBe(path);
    expect(await resolveWeights('file:///a%20b.pth')).toMatch(/[\\/]a b\.pth$/);
  });
});
