import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../../src/convert/checkpoint.js';
import type { CheckpointErrorKind } from '../../../src/convert/checkpoint-error.js';
import { httpSource, type HttpSourceOptions } from '../../../src/convert/source/http-source.js';
import { encodeSafetensors } from '../../../src/convert/write/safetensors.js';
import { encodeTorch } from '../../../src/convert/write/torch.js';
import type { StateDict } from '../../../src/models/state-dict.js';
import { expectBrowserBundle } from '../../helpers/browser-bundle.js';
import { endAfter, FileServer, hangUpAfter } from '../../helpers/file-server.js';

const PATH = '/weights/m0.pth';

/** Three megabytes of no two equal kilobytes. */
const BYTES = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 31 + (i >> 10) * 7) & 255);

const WEIGHTS: StateDict = new Map([
  ['small', { shape: [3], data: Float32Array.of(1, -2, 3), type: 'float32' }],
  [
    'large',
    { shape: [1000, 400], data: Float32Array.from({ length: 400_000 }, (_, i) => i), type: 'float32' },
  ],
  ['unread', { shape: [2], data: Float32Array.of(4, 5), type: 'float32' }],
]);

async function joined(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

describe('a file on a web server', () => {
  let server: FileServer;
  beforeEach(async () => {
    server = await new FileServer().start();
    server.files.set(PATH, BYTES);
  });
  afterEach(() => server.stop());
  const open = (options: HttpSourceOptions = {}) => httpSource(`${server.url}${PATH}?sig=secret`, options);
  const refused = async (promise: Promise<unknown>, kind: CheckpointErrorKind, message: RegExp) => {
    const error = await promise.then(
      () => new Error('it was read'),
      (e: unknown) => e as Error & { kind?: string },
    );
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ name: 'CheckpointError', kind });
    expect(error.message).not.toContain('secret');
  };

  it.each(['strong', 'weak', 'date', 'none'] as const)(
    'gives the ranges asked for: %s validator',
    async (kind) => {
      server.validator = kind;
      const source = await open();
      expect(source.size).toBe(BYTES.length);
      expect(source.name).toBe(`${server.url}${PATH}`);
      expect(await source.read(1000, 500)).toEqual(BYTES.slice(1000, 1500));
      expect(await source.read(BYTES.length - 1, 1)).toEqual(BYTES.slice(-1));
      const target = new Uint8Array(20);
      expect(await source.read(5, 20, target)).toBe(target);
      expect(target).toEqual(BYTES.slice(5, 25));
      expect((await source.read(7, 0)).length).toBe(0);
      expect(server.bodies(PATH).map(({ headers }) => headers.range)).toEqual([
        'bytes=1000-1499',
        'bytes=2999999-2999999',
        'bytes=5-24',
      ]);
    },
  );

  it.each([
    ['.pth', () => joined(encodeTorch(WEIGHTS).chunks())],
    ['safetensors', () => joined(encodeSafetensors(WEIGHTS).chunks())],
  ])('is read as a checkpoint without fetching it twice: %s', async (_, encode) => {
    const file = await encode();
    server.files.set(PATH, file);
    const { tensors } = await readCheckpoint(await open());
    expect([...tensors]).toEqual([...WEIGHTS]);
    const asked = server.bodies(PATH).map(({ headers }) => /^bytes=(\d+)-(\d+)$/.exec(headers.range!)!);
    const fetched = asked.reduce((sum, [, first, last]) => sum + Number(last) - Number(first) + 1, 0);
    expect(fetched).toBeLessThan(2 * file.length);
  });

  it('is taken whole from a server without ranges, or refused', async () => {
    server.ranges = false;
    const source = await open();
    expect(await source.read(1000, 500)).toEqual(BYTES.slice(1000, 1500));
    expect(source.size).toBe(BYTES.length);
    expect(server.requests).toHaveLength(1);
    await refused(open({ withoutRanges: 'refuse' }), 'unsupported', /only whole.*no byte ranges/);
  });

  it.each(['strong', 'date'] as const)('that changes in between is noticed: %s validator', async (kind) => {
    server.validator = kind;
    const source = await open();
    const changed = kind === 'date' ? BYTES.slice(1) : BYTES.map((byte) => byte ^ 1);
    server.files.set(PATH, changed);
    await refused(source.read(0, 10), 'changed', /changed on the server/);
  });

  it('that becomes shorter, or loses its ranges, is noticed', async () => {
    const source = await open();
    server.files.set(PATH, BYTES.slice(0, 100));
    await refused(source.read(2000, 10), 'changed', /became shorter/);
    server.ranges = false;
    await refused(source.read(0, 10), 'changed', /the whole file/);
  });

  it('whose connection breaks is asked again; at last it is truncated', async () => {
    const source = await open();
    server.faults.push(hangUpAfter(100), endAfter(50));
    expect(await source.read(0, 1000)).toEqual(BYTES.slice(0, 1000));
    server.faults.push(endAfter(50), endAfter(50));
    await refused((await open({ retries: 1 })).read(0, 1000), 'truncated', /after 50 of 1000 bytes, 2 times/);
    server.ranges = false;
    server.hook = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('half');
      response.socket?.end();
      return true;
    };
    await refused(open({ retries: 0 }), 'missing', /broke|broke off/);
  });

  it('that sends another part, or more, than asked is refused', async () => {
    server.validator = 'none';
    const source = await open();
    const answer = (range: string, body: string) => {
      server.hook = (_, response) => {
        response.writeHead(206, { 'content-range': range }).end(body);
        return true;
      };
    };
    answer('bytes 1-10/3000000', '0123456789');
    await refused(source.read(0, 10), 'corrupt', /bytes 0 to 9 were asked for.*bytes 1-10/);
    answer('bytes 0-9/3000000', '0123456789more');
    await refused(source.read(0, 10), 'corrupt', /more than the 10 bytes/);
    answer('bytes 0-9/*', '0123456789');
    await refused(source.read(0, 10), 'corrupt', /asked for/);
  });

  it.each([
    [404, 'missing', /404: there is no such file/],
    [401, 'missing', /401: it wants a log-in/],
    [403, 'missing', /403: it refuses access/],
    [503, 'missing', /answers 503, 1 times/],
    [416, 'empty', /empty/],
    [418, 'missing', /answers 418$/],
  ] as const)('an answer of %i is explained', async (status, kind, message) => {
    server.hook = (_, response) => {
      response.writeHead(status).end('<html>');
      return true;
    };
    await refused(open({ retries: 0 }), kind, message);
  });

  it('overload is waited for, redirects are followed, headers are sent', async () => {
    let calls = 0;
    server.hook = ({ url }, response) => {
      if (calls++ === 0) response.writeHead(503).end();
      else if (!url!.startsWith('/there')) response.writeHead(302, { location: '/there' + PATH }).end();
      else return false;
      return true;
    };
    server.files.set('/there' + PATH, BYTES);
    const source = await open({ headers: { authorization: 'Bearer me' } });
    expect(await source.read(3, 4)).toEqual(BYTES.slice(3, 7));
    expect(server.requests.at(-1)!.headers).toMatchObject({ authorization: 'Bearer me', range: 'bytes=3-6' });
  });

  it('a signal ends the reading with its own reason', async () => {
    const controller = new AbortController();
    const source = await open({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(source.read(0, 10)).rejects.toThrow('enough');
  });

  it('addresses of another kind, or with a password, are refused without showing it', async () => {
    for (const address of ['nonsense', 'ftp://host/file', 'https://me:secret@host/file'])
      await refused(httpSource(address), 'missing', /expected https:\/\/HOST\/FILE/);
  });

  it('needs nothing of Node.js', () => expectBrowserBundle('src/convert/source/http-source.ts'));
});
