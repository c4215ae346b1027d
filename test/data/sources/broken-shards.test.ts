import { readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { LeftOutReport, type BrokenShard, type LeftOutLine } from '../../../src/data/index.js';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { tarBytes, temporaryFolders } from '../helpers/shards.js';

const folder = temporaryFolders();

/** Three shards of three pictures each, with a manifest. */
async function shards(): Promise<string> {
  const root = await folder();
  for (let s = 0; s < 3; s++) {
    const entries = [0, 1, 2].flatMap((i): [string, string][] => [
      [`${s}${i}.jpg`, `picture ${i} `.repeat(200)],
      [`${s}${i}.cls`, String(i)],
    ]);
    await writeFile(path.join(root, `s-${s}.tar`), await tarBytes(Object.fromEntries(entries)));
  }
  const list = [0, 1, 2].map((s) => ({ file: `s-${s}.tar`, bytes: 1, samples: 3, sha256: 'f'.repeat(64) }));
  await writeFile(path.join(root, 's.manifest.json'), JSON.stringify({ version: 1, shards: list }));
  return root;
}

async function open(root: string, onBroken: 'skip' | 'fail') {
  const broken: BrokenShard[] = [];
  const notices: string[] = [];
  const data = await openDataset(path.join(root, 's-{0..2}.tar'), {
    onBroken,
    onBrokenShard: (shard) => broken.push(shard),
    notice: (line) => notices.push(line),
    cacheDir: path.join(root, 'cache'),
  });
  return { data, broken, notices };
}

describe('a shard that is cut off', () => {
  it('is left out, and told of: what it should hold, and what was found in it', async () => {
    const root = await shards();
    const file = path.join(root, 's-1.tar');
    await truncate(file, 8000);
    await expect(open(root, 'fail')).rejects.toThrow(/s-1\.tar is truncated: .* Fetch it again\.$/);
    const { data, broken, notices } = await open(root, 'skip');
    expect(Array.from({ length: data.length }, (_, i) => path.basename(data.name(i)))).toEqual(
      ['00', '01', '02', '20', '21', '22'].map((key) => `s-${key[0]!}.tar!${key}`),
    );
    expect(broken).toEqual([
      {
        name: file,
        bytes: 8000,
        reason: expect.stringContaining('s-1.tar is truncated') as string,
        fetchedAgain: false,
        samples: 3,
        found: ['10', '11'],
      },
    ]);
    expect(notices).toEqual([`left out: ${broken[0]!.reason}`]);
  });

  it('is no reason to go on if it is the only one', async () => {
    const root = await shards();
    for (let s = 0; s < 3; s++) await truncate(path.join(root, `s-${s}.tar`), 700);
    await expect(open(root, 'skip')).rejects.toThrow(
      /all of its 3 shards are broken, the first: .*s-0\.tar is truncated: .* Fetch them again\.$/,
    );
  });

  it('is named as the error where the set has no other', async () => {
    const root = await shards();
    await truncate(path.join(root, 's-1.tar'), 700);
    const notices: string[] = [];
    const options = { onBroken: 'skip', notice: (line: string) => notices.push(line) } as const;
    await expect(openDataset(path.join(root, 's-1.tar'), options)).rejects.toThrow(/s-1\.tar is truncated/);
    expect(notices).toEqual([]);
  });

  it('ends in a header: what lies before is told', async () => {
    const root = await shards();
    const file = path.join(root, 's-0.tar');
    const bytes = await readFile(file);
    bytes.fill(7, 3584, 4096);
    await writeFile(file, bytes);
    const { broken } = await open(root, 'skip');
    expect(broken[0]).toMatchObject({
      reason: expect.stringContaining('is damaged') as string,
      found: ['00'],
    });
  });
});

it('a label that is none is no damage: it is refused in any case', async () => {
  const root = await shards();
  await writeFile(path.join(root, 's-1.tar'), await tarBytes({ 'a.jpg': 'x', 'a.cls': 'cat' }));
  await expect(open(root, 'skip')).rejects.toThrow(
    /s-1\.tar!a: expected a whole number from 0 on as label, found "cat"/,
  );
});

describe('the report of what is left out', () => {
  const shard: BrokenShard = {
    name: 'a.tar',
    bytes: 9,
    reason: 'a.tar is truncated',
    fetchedAgain: true,
    samples: undefined,
    found: ['1'],
  };
  const sample = { index: 4, name: 'b.jpg', reason: 'b.jpg is empty' };
  const linesOf = async (file: string) =>
    (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LeftOutLine);

  it('waits for its file, then grows; a run that goes on does not repeat it', async () => {
    const file = path.join(await folder(), 'left-out.jsonl');
    const report = new LeftOutReport();
    report.shard(shard);
    await report.keepIn(file);
    report.sample(sample);
    await report.written();
    expect(await linesOf(file)).toEqual([
      {
        kind: 'shard',
        name: 'a.tar',
        bytes: 9,
        reason: 'a.tar is truncated',
        fetchedAgain: true,
        found: ['1'],
      },
      { kind: 'sample', name: 'b.jpg', reason: 'b.jpg is empty' },
    ]);
    const again = new LeftOutReport();
    again.shard(shard);
    await again.keepIn(file);
    again.sample(sample);
    again.sample({ ...sample, name: 'c.jpg' });
    await again.written();
    expect((await linesOf(file)).map(({ name }) => name)).toEqual(['a.tar', 'b.jpg', 'c.jpg']);
    expect(again.counts).toEqual({ shards: 1, samples: 2 });
  });

  it('is not worth the run', async () => {
    const warnings: string[] = [];
    const report = new LeftOutReport((line) => warnings.push(line));
    await report.keepIn(path.join(await folder(), 'none', 'left-out.jsonl'));
    report.sample(sample);
    report.sample({ ...sample, name: 'c.jpg' });
    await report.written();
    expect(warnings).toEqual([expect.stringMatching(/left-out\.jsonl cannot be written/)]);
  });
});
