import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  decodeEntries,
  encodeEntries,
  entryBytes,
  type EntryFormat,
} from '../../../src/train/teacher/cache/entry.js';
import type { CacheIdentity } from '../../../src/train/teacher/cache/manifest.js';
import { requireRoom, TeacherCache } from '../../../src/train/teacher/cache/teacher-cache.js';
import { largestOfRows } from '../../../src/train/teacher/outputs.js';
import { uniform } from '../../helpers/synthetic.js';
import { refused } from '../../helpers/refused.js';

const CLASSES = 10;
const BATCH = 4;
const soft = { kind: 'soft', classes: CLASSES, topk: CLASSES, type: 'float32' } as const;
const hard = { ...soft, kind: 'hard' } as const;
const logitsOf = (key: string, classes = CLASSES): Float32Array =>
  Float32Array.from(uniform(key, BATCH * classes), (value) => 20 * value - 10);
const softmax = (row: Float32Array): number[] => {
  const exponentials = Array.from(row, Math.exp);
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
};

describe('what is kept of an image', () => {
  const through = (logits: Float32Array, format: EntryFormat) => {
    const bytes = encodeEntries(logits, format);
    expect(bytes.byteLength).toBe(BATCH * entryBytes(format));
    // As a file gives it: somewhere in a larger buffer.
    const buffer = Buffer.alloc(bytes.byteLength + 3);
    buffer.set(bytes, 3);
    return decodeEntries(buffer.subarray(3), format);
  };

  it('is the class in two bytes, or four where there are many', () => {
    const logits = logitsOf('hard');
    expect(entryBytes(hard)).toBe(2);
    expect(through(logits, hard)).toEqual(largestOfRows(logits, BATCH));
    const many = logitsOf('many', 70_000);
    many[69_999] = 99;
    expect(entryBytes({ ...hard, classes: 70_000 })).toBe(4);
    const found = through(many, { ...hard, classes: 70_000, topk: 70_000 });
    expect(found).toEqual(largestOfRows(many, BATCH));
    expect(found[0]).toBe(69_999);
  });

  it('is every logit, bit by bit', () => {
    const logits = logitsOf('soft');
    expect(through(logits, soft)).toEqual(logits);
  });

  it('is every logit to three digits in float16, and refuses those it cannot hold', () => {
    const logits = logitsOf('half');
    const found = through(logits, { ...soft, type: 'float16' }) as Float32Array;
    found.forEach((value, i) => expect(Math.abs(value / logits[i]! - 1)).toBeLessThanOrEqual(2 ** -11));
    logits[3] = 1e6;
    expect(() => through(logits, { ...soft, type: 'float16' })).toThrow(/1000000 does not fit into float16/);
  });

  it('is the largest logits as they are, and the probability of all others together', () => {
    const logits = logitsOf('topk');
    const format = { ...soft, topk: 3 };
    expect(entryBytes(format)).toBe(3 * 6 + 4);
    const found = through(logits, format) as Float32Array;
    for (let row = 0; row < BATCH; row++) {
      const [own, kept] = [logits, found].map((all) => all.subarray(row * CLASSES, (row + 1) * CLASSES));
      const order = Array.from(own!.keys()).sort((a, b) => own![b]! - own![a]!);
      for (const k of order.slice(0, 3)) expect(kept![k]).toBe(own![k]);
      expect(new Set(order.slice(3).map((k) => kept![k])).size).toBe(1);
      softmax(kept!).forEach((p, k) => {
        if (order.indexOf(k) < 3) expect(p).toBeCloseTo(softmax(own!)[k]!, 6);
      });
    }
  });
});

describe('the teacher cache', () => {
  let dir: string;
  let folder: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-cache-'));
    folder = join(dir, 'cache');
  });
  afterEach(() => rm(dir, { recursive: true }));

  const made: CacheIdentity = { seed: '0', mixup: '0.8', 'teacher weights': 'abc', precision: 'float32' };
  const notices: string[] = [];
  const openCache = (more: Partial<Parameters<typeof TeacherCache.open>[1]> = {}) =>
    TeacherCache.open(folder, {
      format: hard,
      batchSize: BATCH,
      batches: 3,
      identity: made,
      write: true,
      notice: (line) => notices.push(line),
      ...more,
    });
  const classesOf = (epoch: number, batch: number) => largestOfRows(logitsOf(`${epoch}/${batch}`), BATCH);
  async function fill(cache: TeacherCache, ...at: [epoch: number, batch: number][]): Promise<void> {
    for (const [epoch, batch] of at)
      expect(await cache.add(epoch, batch, logitsOf(`${epoch}/${batch}`))).toEqual(classesOf(epoch, batch));
  }

  it('gives back what it got, whatever the order, and makes one file of an epoch', async () => {
    const cache = await openCache();
    expect(await cache.size(2)).toEqual({ entries: 24, bytes: 48, present: 0 });
    await fill(cache, [0, 2], [0, 0], [1, 0], [0, 1], [1, 1]);
    for (const [epoch, batch] of [
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 0],
      [1, 1],
    ] as const)
      expect(await cache.read(epoch, batch)).toEqual(classesOf(epoch, batch));
    expect(await cache.read(1, 2)).toBeUndefined();
    expect(await cache.read(7, 0)).toBeUndefined();
    expect(await cache.firstMissing({ epoch: 0, step: 0 }, 2)).toEqual({ epoch: 1, batch: 2 });
    expect(await cache.firstMissing({ epoch: 0, step: 0 }, 1)).toBeUndefined();
    expect(await cache.size(2)).toEqual({ entries: 24, bytes: 48, present: 20 });
    await cache.close();
    expect(await readdir(folder)).toEqual(['epoch-0000.bin', 'epoch-0001.part', 'manifest.json']);

    const again = await openCache({ write: false });
    expect(await again.read(1, 1)).toEqual(classesOf(1, 1));
    expect(await again.stored(1)).toEqual([0, 1]);
    await again.close();
  });

  it('made in another order it is the same file', async () => {
    const cache = await openCache();
    await fill(cache, [0, 2], [0, 1], [0, 0]);
    await fill(cache, [1, 0], [1, 1], [1, 2]);
    await cache.close();
    const [first, second] = await Promise.all(
      ['0000', '0001'].map((epoch) => readFile(join(folder, `epoch-${epoch}.bin`))),
    );
    expect(first!.length).toBe(second!.length);
    // Numbers of the batches, ascending.
    expect([16, 32, 48].map((at) => first!.readUInt32LE(at))).toEqual([0, 1, 2]);
  });

  it('cut off anywhere it has the batches before, and goes on', async () => {
    const cache = await openCache({ batches: 4 });
    await fill(cache, [0, 0], [0, 1], [0, 2]);
    await cache.close();
    const part = join(folder, 'epoch-0000.part');
    const whole = await readFile(part);
    expect(whole.length).toBe(16 + 3 * 16);
    for (const length of [63, 49, 48, 47, 20, 16, 9, 0]) {
      await writeFile(part, whole.subarray(0, length));
      const left = Math.max(0, Math.floor((length - 16) / 16));
      const cut = await openCache({ batches: 4 });
      expect((await cut.stored(0)).length, `${length} bytes`).toBe(left);
      await fill(cut, [0, 3], ...Array.from({ length: 3 - left }, (_, i): [number, number] => [0, left + i]));
      for (let batch = 0; batch < 4; batch++) expect(await cut.read(0, batch)).toEqual(classesOf(0, batch));
      await cut.close();
      expect(existsSync(join(folder, 'epoch-0000.bin'))).toBe(true);
      await rm(join(folder, 'epoch-0000.bin'));
    }
    // Zeros in place of what was written, as a power cut may leave them.
    const zeros = Buffer.from(whole);
    zeros.fill(0, 40);
    await writeFile(part, zeros);
    const cut = await openCache({ batches: 4 });
    expect(await cut.stored(0)).toEqual([0]);
    await cut.close();
  });

  it('tells of files that are damaged, cut or others', async () => {
    const cache = await openCache();
    await fill(cache, [0, 0], [0, 1], [0, 2]);
    await cache.close();
    const file = join(folder, 'epoch-0000.bin');
    const whole = await readFile(file);
    const damaged = Buffer.from(whole);
    damaged[16 + 16 + 8]! ^= 1;
    await writeFile(file, damaged);
    const reader = await openCache();
    expect(await reader.read(0, 0)).toEqual(classesOf(0, 0));
    await refused(reader.read(0, 1), /epoch-0000\.bin: batch 1 is damaged .*teach it again/);
    await reader.close();
    // The record of one batch in the place of another.
    const moved = Buffer.from(whole);
    moved.copy(moved, 16, 32, 48);
    await writeFile(file, moved);
    const second = await openCache();
    await refused(second.read(0, 0), /batch 0 is damaged/);
    await second.close();
    await truncate(file, 40);
    await refused((await openCache()).read(0, 0), /expected 64 bytes, found 40/);
    await writeFile(file, 'something else, and longer');
    await refused((await openCache()).read(0, 0), /not a file of a teacher cache/);
  });

  it('is refused where it was made of something else, and says of what', async () => {
    await (await openCache()).close();
    await refused(
      openCache({ identity: { ...made, mixup: '0.2', seed: '1' } }),
      /manifest\.json: the teacher cache of another run: mixup \(expected 0\.2, found 0\.8\)|seed \(expected 1, found 0\); mixup/,
    );
    await refused(
      openCache({ identity: { ...made, 'teacher weights': 'xyz' } }),
      /: teacher weights \(expected xyz, found abc\)\. /,
    );
    await refused(
      openCache({ identity: { ...made, new: 'option' } }),
      /new \(expected option, found nothing\)/,
    );
    // Without a teacher there is nothing to compare it with.
    await (await openCache({ identity: { seed: '0', mixup: '0.8' }, write: false })).close();
    await refused(
      openCache({ identity: { seed: '0' }, write: false }),
      /mixup \(expected nothing, found 0\.8\)/,
    );
    await writeFile(join(folder, 'manifest.json'), '{"format": 3}');
    await refused(openCache(), /manifest\.json: not the manifest of a teacher cache/);
  });

  it('is not made where nothing may be written, or where other files are', async () => {
    await refused(openCache({ write: false }), /holds no teacher cache: make one with `recnext teach`/);
    expect(existsSync(folder)).toBe(false);
    await mkdir(folder);
    await writeFile(join(folder, 'photo.jpg'), 'x');
    await refused(openCache(), /holds other files and no teacher cache/);
    await rm(join(folder, 'photo.jpg'));
    await writeFile(join(folder, '.manifest.json.0123456789ab.tmp'), 'x');
    await (await openCache()).close();
  });

  it('is written by one process at a time, and read by any', async () => {
    const writer = await openCache();
    const reader = await openCache();
    await fill(writer, [0, 0]);
    expect(await reader.read(0, 0)).toEqual(classesOf(0, 0));
    await refused(reader.add(0, 1, logitsOf('x')), /cache\.lock: the folder is used by process/);
    await writer.close();
    await fill(reader, [0, 1]);
    await reader.close();
    expect(existsSync(join(folder, 'cache.lock'))).toBe(false);
  });

  it('needs room', async () => {
    await requireRoom(join(dir, 'not/there/yet'), 1000);
    await refused(
      requireRoom(folder, 1e18),
      /will take 1000000000\.00 GB more, .* are free: .*--teacher-topk/,
    );
  });

  it('is not whole while a batch is missing, even if its file is as long', async () => {
    const cache = await openCache();
    await fill(cache, [0, 0], [0, 1]);
    await fill(cache, [0, 1]);
    await cache.close();
    const handle = await open(join(folder, 'epoch-0000.part'));
    expect((await handle.stat()).size).toBe(16 + 2 * 16);
    await handle.close();
  });
});
