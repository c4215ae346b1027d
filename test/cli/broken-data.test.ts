import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LeftOutLine } from '../../src/data/index.js';
import { tarBytes } from '../data/helpers/shards.js';
import { describeBackends } from '../helpers/backends.js';
import { FileServer } from '../helpers/file-server.js';
import { colorFolders } from './helpers/color-folders.js';
import { runCli } from './helpers/run-cli.js';

const CLASSES = ['blue', 'green', 'red'];

describeBackends(['node'], 'broken shards and images', (backend) => {
  let dir: string;
  let data: string;
  let shards: string;
  const server = new FileServer();
  const common = ['--backend', backend, '--json'];
  const path = (name: string): string => join(dir, name);
  const weights = (): string => join(path('run'), 'checkpoints', 'epoch-0001');
  const train = (output: string, ...more: string[]) =>
    runCli(
      ...['train', '--model', 'recnext_m0', '--data', shards, '--input-size', 16, '--batch-size', 4],
      ...[
        '--epochs',
        1,
        '--warmup-epochs',
        0,
        '--no-repeated-aug',
        '-o',
        path(output),
        '--cache-dir',
        path(`${output}-cache`),
      ],
      ...common,
      ...more,
    );
  const evaluate = (source: string, ...more: string[]) =>
    runCli('eval', '--weights', weights(), '--data', source, '--cache-dir', path('eval'), ...common, ...more);

  /** Three shards on a server: in the first a picture is empty, the last is cut off. */
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-broken-'));
    data = await colorFolders(path('data'), { train: 2, val: 3 });
    await server.start();
    for (let s = 0; s < 3; s++) {
      const entries: [string, string | Uint8Array][] = [];
      for (const [label, name] of CLASSES.entries())
        for (const i of [0, 1])
          entries.push(
            [`${s}${name}${i}.png`, await readFile(join(data, 'train', name, `${i}.png`))],
            [`${s}${name}${i}.cls`, String(label)],
          );
      if (s === 0) entries[0]![1] = '';
      const bytes = await tarBytes(entries);
      server.files.set(`/s-${s}.tar`, s === 2 ? bytes.subarray(0, 4000) : bytes);
    }
    server.files.set('/classes.txt', Buffer.from(CLASSES.join('\n')));
    shards = `${server.url}/s-{0..2}.tar`;
  });
  afterAll(async () => {
    await server.stop();
    await rm(dir, { recursive: true });
  });

  it('training fetches a broken shard once more, goes on without it, and names all that is missing', async () => {
    const { code, stderr } = await train('run');
    expect(code, stderr).toBe(0);
    expect(server.bodies('/s-2.tar')).toHaveLength(2);
    const file = join(path('run'), 'left-out.jsonl');
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const shard = `${server.url}/s-2.tar`;
    expect(lines.map((line) => JSON.parse(line) as LeftOutLine)).toEqual([
      {
        kind: 'shard',
        name: shard,
        bytes: 4000,
        reason: expect.stringMatching(/s-2\.tar is truncated: /) as string,
        fetchedAgain: true,
        found: expect.arrayContaining(['2blue0']) as string[],
      },
      {
        kind: 'sample',
        name: `${server.url}/s-0.tar!0blue0`,
        reason: expect.stringMatching(/s-0\.tar!0blue0 is empty \(0 bytes\)/) as string,
      },
    ]);
    expect(stderr).toContain(`left out: 1 shards, 1 images, named in ${file}`);
    expect(stderr).toContain('no validation images');
  });

  it('training that is to fail at them does, before it has a folder', async () => {
    const { code, stdout, stderr } = await train('strict', '--on-error', 'fail', '--quiet');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: .*s-2\.tar is truncated: .*\n$/);
    expect(existsSync(path('strict'))).toBe(false);
    // Nor is half of a shard kept as a whole one.
    const kept = await readdir(join(path('strict-cache'), 'shards'));
    expect(kept.filter((name) => name.endsWith('.incomplete'))).toEqual([]);
  });

  it('evaluation fails at an image, or scores the others and says which one is missing', async () => {
    const val = join(data, 'val');
    const broken = join(val, 'green', '1.png');
    await writeFile(broken, 'no picture');
    const failed = await evaluate(val, '--quiet');
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toMatch(/^error: .*1\.png is not an image: .*\n$/);
    const { code, stdout, stderr } = await evaluate(val, '--on-error', 'skip', '--quiet');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^warning: left out: .*1\.png is not an image: .*\n$/);
    const reason = expect.stringContaining('is not an image') as string;
    expect(JSON.parse(stdout)).toMatchObject({
      images: 8,
      leftOut: [{ kind: 'sample', name: broken, reason }],
    });
  });

  it('evaluation fails at a shard, or scores the others', async () => {
    const failed = await evaluate(shards, '--quiet');
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toMatch(/^error: .*s-2\.tar is truncated: .*\n$/);
    const { code, stdout, stderr } = await evaluate(shards, '--on-error', 'skip');
    expect(code, stderr).toBe(0);
    const { images, leftOut } = JSON.parse(stdout) as { images: number; leftOut: LeftOutLine[] };
    expect([images, leftOut.map(({ kind }) => kind)]).toEqual([11, ['shard', 'sample']]);
  });

  it('evaluation with nothing left to score says so', async () => {
    const list = path('one.csv');
    await writeFile(list, 'data/val/green/1.png,1\n');
    const { code, stderr } = await evaluate(list, '--on-error', 'skip', '--quiet');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /error: .*one\.csv: no image of it can be read, the first: .*1\.png is not an image/,
    );
  });
});
