import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lookThrough, trainingImages } from '../../src/finetune/photos.js';

let picture: Buffer;
let dir: string;
let at: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recnext-photos-'));
  picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#a63' } })
    .png()
    .toBuffer();
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(() => {
  at = join(dir, String(count++));
});

/** Writes pictures, and other files where something else is said to be in them. */
async function write(files: Record<string, number | string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const folder = typeof content === 'number' ? join(at, path) : dirname(join(at, path));
    await mkdir(folder, { recursive: true });
    if (typeof content === 'string') await writeFile(join(at, path), content);
    else for (let i = 0; i < content; i++) await writeFile(join(folder, `${i}.png`), picture);
  }
}

describe('lookThrough', () => {
  it('counts pictures and classes, names what cannot be read', async () => {
    await write({ cat: 12, dog: 5, 'dog/text.jpg': 'hello', 'cat/empty.png': '', 'cat/notes.txt': 'x' });
    const seen: number[] = [];
    let total = 0;
    const photos = await lookThrough(at, {
      onStart: (images) => (total = images),
      onProgress: (images) => seen.push(images),
    });
    expect(photos).toMatchObject({ divided: false, classes: 2, images: 17 });
    expect([...photos.unreadable].sort()).toEqual([
      [join(at, 'cat/empty.png'), expect.stringMatching(/is empty/)],
      [join(at, 'dog/text.jpg'), expect.stringMatching(/is not an image/)],
    ]);
    expect(total).toBe(19);
    expect(seen).toEqual(Array.from({ length: 19 }, (_, i) => i + 1));
    // 0.15 × 12 = 1.8 and 0.15 × 5 = 0.75: two and one are kept apart.
    expect(trainingImages(photos, 0.15)).toBe(14);
  });

  it('takes a folder that is divided already as it is', async () => {
    await write({ 'train/cat': 4, 'train/dog': 1, 'val/cat': 2, 'val/dog': 2, 'train/cat/x.jpg': 'no' });
    const photos = await lookThrough(at);
    expect(photos).toMatchObject({ divided: true, classes: 2, images: 9 });
    expect(trainingImages(photos, 0.15)).toBe(5);
  });

  it('pictures in folders below a class are of that class', async () => {
    await write({ 'cat/2023': 2, cat: 1, 'dog/indoors': 3 });
    expect(await lookThrough(at)).toMatchObject({ classes: 2, images: 6 });
  });

  it.each([
    ['one class', { cat: 5 }, /has one class \("cat"\): a classifier needs two or more/],
    ['a folder around the folders', { 'photos/cat': 2, 'photos/dog': 2 }, /holds one folder, "photos", with 2 folders of pictures in it: did you mean .*photos\?/],
    ['classes that lie a folder too deep', { 'animals/cat': 2, 'animals/dog': 2, 'plants/rose': 2, 'plants/tulip': 2 }, /a folder too deep \(animals\/cat\/…\): expected .*<class>\/<picture>/],
    ['a class of one picture', { cat: 5, dog: 1 }, /class "dog" has 1 picture that can be read, expected 2 or more/],
    ['a class whose pictures are broken', { cat: 5, dog: 1, 'dog/a.jpg': 'x', 'dog/b.jpg': 'y' }, /class "dog" has 1 picture that can be read \(2 cannot\), expected 2 or more/],
    ['a class without pictures', { cat: 5, 'dog/readme.txt': 'x' }, /dog/],
    ['no folders', { 'a.png': 'x' }, /expected/],
  ])('refuses %s in one line', async (_title, files, message) => {
    await write(files);
    const error = await lookThrough(at).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(message) as string });
    expect((error as Error).message).not.toContain('\n');
  }); // prettier-ignore

  it('refuses a folder that is not there', async () => {
    await expect(lookThrough(at)).rejects.toThrow(/does not exist/);
  });
});
