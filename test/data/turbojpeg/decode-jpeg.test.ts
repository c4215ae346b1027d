import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { decodeImage, decodeImageNow, MAX_PIXELS, type JpegDecoder } from '../../../src/data/decode.js';
import { inOneScope } from '../../../src/data/simd/instance.js';
import { decodeJpeg } from '../../../src/data/turbojpeg/decode-jpeg.js';
import { turboJpeg } from '../../../src/data/turbojpeg/library.js';
import { GOLDEN, hasGolden } from '../../helpers/golden.js';
import { difference, FIXTURES } from '../helpers/images.js';

const found = turboJpeg() !== undefined;
if (!found && process.env.CI)
  throw new Error('CI needs libturbojpeg (Debian: libturbojpeg0), and it is not found.');

const folders = [FIXTURES, ...(hasGolden ? [join(GOLDEN, 'images/input')] : [])];
const files = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.jpg'))
    .map((name) => [name, join(folder, name)] as const),
);

/** What a decoder makes of the bytes: the picture, or its message. */
const outcome = (bytes: Uint8Array, jpeg: JpegDecoder) =>
  decodeImage(bytes, 'x.jpg', { jpeg }).catch((error: unknown) => (error as Error).message);

async function expectSame(bytes: Uint8Array, what: string): Promise<void> {
  // One after the other: of failures at the same time, sharp words some as «Unknown error».
  const sharp = await outcome(bytes, 'sharp');
  const turbo = await outcome(bytes, 'turbojpeg');
  if (typeof sharp === 'string' || typeof turbo === 'string') expect(turbo, what).toBe(sharp);
  else expect(difference(turbo, sharp), what).toBeUndefined();
  inOneScope(() => {
    const now = decodeImageNow(bytes);
    if (now) expect(typeof sharp === 'string' ? sharp : difference(now, sharp), what).toBeUndefined();
  });
}

describe.skipIf(!found)(`TurboJPEG${found ? '' : ' (skipped: libturbojpeg is not on this machine)'}`, () => {
  it.each(files)('gives the bytes and the errors of sharp for %s', async (name, path) => {
    await expectSame(readFileSync(path), name);
  });

  it('decodes the ordinary files itself, and leaves CMYK to sharp', async () => {
    const decoded = await Promise.all(
      files.map(async ([name, path]) => [name, await decodeJpeg(readFileSync(path), MAX_PIXELS)] as const),
    );
    const names = decoded.filter(([, image]) => image !== undefined).map(([name]) => name);
    expect(names).toEqual(expect.arrayContaining(['420.jpg', '422-progressive.jpg']));
    expect(names.filter((name) => name.includes('cmyk'))).toEqual([]);
    const now = files.filter(([, path]) => decodeImageNow(readFileSync(path))).map(([name]) => name);
    expect(now).toEqual(names);
  });

  it('gives the same where files are cut or damaged', async () => {
    for (const name of ['420.jpg', '422-progressive.jpg']) {
      const bytes = readFileSync(join(FIXTURES, name));
      for (let share = 0.02; share < 1; share += 0.07)
        await expectSame(bytes.subarray(0, Math.floor(bytes.length * share)), `${name} cut at ${share}`);
      await expectSame(bytes.subarray(0, bytes.length - 2), `${name} without its end`);
      await expectSame(Buffer.concat([bytes, Buffer.alloc(100, 7)]), `${name} and more`);
      let state = 1;
      for (let round = 0; round < 60; round++) {
        const damaged = Buffer.from(bytes);
        for (let k = 0; k < 1 + (round % 4); k++) {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          damaged[2 + (state % (bytes.length - 2))] = state >>> 24;
        }
        await expectSame(damaged, `${name} damaged ${round}`);
      }
    }
  });

  it('does not try pictures above the limit, nor frames of another process than baseline and progressive', async () => {
    const bytes = readFileSync(join(FIXTURES, '420.jpg'));
    const { width, height } = (await decodeJpeg(bytes, MAX_PIXELS))!;
    expect(await decodeJpeg(bytes, width * height - 1)).toBeUndefined();
    const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
    const huge = Buffer.from(bytes);
    huge.writeUInt16BE(30_000, frame + 5);
    huge.writeUInt16BE(30_000, frame + 7);
    expect(await decodeJpeg(huge, MAX_PIXELS)).toBeUndefined();
    await expect(decodeImage(huge, 'bomb.jpg')).rejects.toThrow(
      /bomb\.jpg \(\d+ bytes\) says it has 30000 x 30000 pixels: expected at most 178956970 in all/,
    );
    const arithmetic = Buffer.from(bytes);
    arithmetic[frame + 1] = 0xc9;
    expect(await decodeJpeg(arithmetic, MAX_PIXELS)).toBeUndefined();
  });

  it('takes nothing over from the file before', async () => {
    const bytes = readFileSync(join(FIXTURES, '420.jpg'));
    const tables = bytes.indexOf(Buffer.from([0xff, 0xdb]));
    const length = bytes.readUInt16BE(tables + 2);
    const without = Buffer.concat([bytes.subarray(0, tables), bytes.subarray(tables + 2 + length)]);
    await decodeImage(bytes, 'x.jpg', { jpeg: 'turbojpeg' });
    await expectSame(without, 'without a quantisation table');
  });

  it('decodes many at a time', async () => {
    const bytes = readFileSync(join(FIXTURES, '420.jpg'));
    const images = await Promise.all(Array.from({ length: 40 }, () => decodeImage(bytes, 'x.jpg')));
    for (const image of images) expect(difference(image, images[0]!)).toBeUndefined();
  });

  it('can be loaded in two worker threads beside the main one', async () => {
    // Workers run the library through plain JavaScript: what is tested is koffi in threads, which the decoder relies on.
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const koffi = require('koffi');
      koffi.config({ sync_stack_size: 8 << 20, async_stack_size: 8 << 20 });
      const library = koffi.load(workerData);
      const init = library.func('void *tjInitDecompress()');
      parentPort.postMessage(init() !== null);`;
    const name = process.platform === 'linux' ? 'libturbojpeg.so.0' : 'libturbojpeg.dylib';
    const answers = await Promise.all(
      [0, 1].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(code, { eval: true, workerData: name });
            worker.once('message', resolve);
            worker.once('error', reject);
          }),
      ),
    );
    expect(answers).toEqual([true, true]);
  });
});

describe('the choice of the decoder', () => {
  afterEach(() => vi.unstubAllEnvs());
  const bytes = readFileSync(join(FIXTURES, '420.jpg'));

  it('is that of RECNEXT_JPEG', async () => {
    vi.stubEnv('RECNEXT_JPEG', 'libjpeg');
    await expect(decodeImage(bytes, 'x.jpg')).rejects.toThrow(
      'RECNEXT_JPEG: expected auto, sharp or turbojpeg, found "libjpeg".',
    );
    vi.stubEnv('RECNEXT_JPEG', 'sharp');
    expect((await decodeImage(bytes, 'x.jpg')).data.length).toBeGreaterThan(0);
  });
});
