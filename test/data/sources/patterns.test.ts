import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { expandBraces, expandPattern, isPattern } from '../../../src/data/sources/patterns.js';
import { temporaryFolders } from '../helpers/shards.js';

const folder = temporaryFolders();

describe('braces', () => {
  it.each([
    ['a.tar', ['a.tar']],
    ['t-{0..2}.tar', ['t-0.tar', 't-1.tar', 't-2.tar']],
    ['t-{08..11}', ['t-08', 't-09', 't-10', 't-11']],
    ['t-{000..001}', ['t-000', 't-001']],
    ['{a,b}{1..2}', ['a1', 'a2', 'b1', 'b2']],
    ['{train,val}', ['train', 'val']],
    ['a{,.b}', ['a', 'a.b']],
    ['odd{name}', ['odd{name}']],
  ])('%s', (pattern, names) => {
    expect(expandBraces(pattern)).toEqual(names);
  });

  it('refuses what cannot be meant', () => {
    expect(() => expandBraces('t-{5..1}.tar')).toThrow('{5..1} counts down');
    expect(() => expandBraces('t-{0..9999999}.tar')).toThrow('more than 1000000 names');
    expect(() => expandBraces('{0..99999}{0..99999}')).toThrow('more than 1000000 names');
  });

  it('tells patterns from plain names', () => {
    expect(['a*', 'a?', 'a[0-9]', '{a,b}', '{0..3}'].every(isPattern)).toBe(true);
    expect(['a', 'a{b}', 'C:\\data\\x.tar', 'data/train'].some(isPattern)).toBe(false);
  });
});

describe('globs', () => {
  it('match within one part of the path, sorted, hidden files left out', async () => {
    const root = await folder();
    for (const name of ['x/t-2.tar', 'x/t-1.tar', 'x/.t-3.tar', 'x/t-1.tar.idx', 'y/t-10.tar', 'y/v-1.tar']) {
      await mkdir(path.join(root, path.dirname(name)), { recursive: true });
      await writeFile(path.join(root, name), '');
    }
    const names = async (pattern: string): Promise<string[]> =>
      (await expandPattern(path.join(root, pattern))).map((file) =>
        path.relative(root, file).replaceAll('\\', '/'),
      );
    expect(await names('x/t-*.tar')).toEqual(['x/t-1.tar', 'x/t-2.tar']);
    expect(await names('*/t-?.tar')).toEqual(['x/t-1.tar', 'x/t-2.tar']);
    expect(await names('*/[!t]-*.tar')).toEqual(['y/v-1.tar']);
    expect(await names('{y,x}/t-[0-9]*.tar')).toEqual(['y/t-10.tar', 'x/t-1.tar', 'x/t-2.tar']);
    await expect(names('x/none-*.tar')).rejects.toThrow('no file matches this pattern');
    await expect(names('x/t-{1..3}.tar')).rejects.toThrow(
      /t-3\.tar does not exist, but the pattern names it/,
    );
  });
});
