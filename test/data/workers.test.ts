import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeWorkers, createLoader, evalTransform } from '../../src/data/index.js';
import type { ImageTransform } from '../../src/data/index.js';
import { compiledScript } from '../../src/runtime/compiled-script.js';
import { ffi } from '../../src/runtime/ffi.js';
import { noise } from './helpers/images.js';
import { memoryDataset, noiseJpeg } from './helpers/synthetic-dataset.js';

const transform = evalTransform({
  inputSize: [3, 33, 33],
  cropPct: 1,
  cropMode: 'center',
  interpolation: 'bicubic',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
});
let jpeg: Buffer;
beforeAll(async () => {
  jpeg = await noiseJpeg(40, 40, 1);
});
afterAll(closeWorkers);

async function take<T>(source: AsyncIterable<T>, count = Infinity): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of source) {
    taken.push(item);
    if (taken.length >= count) break;
  }
  return taken;
}

describe.each([0, 2])('a loader with %i workers', (workers) => {
  it('writes to memory that native engines take as it is', async () => {
    const loader = createLoader(memoryDataset([jpeg], 12), { batchSize: 5, transform, workers });
    for (const { images, shape } of await take(loader.epoch(0))) {
      expect(ffi().address(images) % 64n).toBe(0n);
      expect(images.length).toBe(shape.reduce((a, b) => a * b));
    }
  });

  it('uses memory again that is given back, and no other', async () => {
    const loader = createLoader(memoryDataset([jpeg], 400), {
      batchSize: 4,
      transform,
      workers,
      prefetch: 2,
    });
    const kept = await take(loader.epoch(0), 1);
    const copy = kept[0]!.images.slice();
    const arrays = new Set<ArrayBufferLike>();
    for await (const batch of loader.epoch(1)) {
      arrays.add(batch.images.buffer);
      batch.release!();
      batch.release!();
    }
    // The one in use, two prepared ahead, and one being asked for.
    expect(arrays.size).toBeLessThanOrEqual(4);
    expect(arrays.has(kept[0]!.images.buffer)).toBe(false);
    expect(kept[0]!.images).toEqual(copy);
  });

  it('reads no further than it prepares ahead', async () => {
    const data = memoryDataset([jpeg], 100);
    const batches = createLoader(data, { batchSize: 4, transform, workers, prefetch: 2 }).epoch(0);
    await batches.next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(data.reads.length).toBe(12);
    await batches.return();
    expect(data.reads.length).toBe(12);
  });

  it('can be left early and asked again', async () => {
    const loader = createLoader(memoryDataset([jpeg], 64), { batchSize: 8, transform, workers });
    for (let i = 0; i < 5; i++) expect((await take(loader.epoch(i), 1))[0]!.indices[0]).toBe(0);
    expect(await take(loader.epoch(0))).toHaveLength(8);
  });

  it('tells which file is no good, the first of several', async () => {
    const half = jpeg.subarray(0, jpeg.length / 2);
    const loader = createLoader(memoryDataset([jpeg, jpeg, half, jpeg, half, jpeg], 6), {
      batchSize: 6,
      transform,
      workers,
    });
    await expect(take(loader.epoch(0))).rejects.toThrow(/^cannot decode memory\/2\.jpg \(\d+ bytes\)/);
  });

  it('passes on an error that is nobody’s file', async () => {
    const data = { ...memoryDataset([jpeg], 4), read: () => Promise.reject(new TypeError('a slip')) };
    const loader = createLoader(data, { batchSize: 4, transform, workers, onError: 'skip' });
    await expect(take(loader.epoch(0))).rejects.toThrow(TypeError);
  });

  it('holds no more memory after 100,000 samples than after 20,000', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const small = evalTransform({
      ...transform.description!.config,
      inputSize: [3, 8, 8],
      cropPct: 1,
      cropMode: 'center',
    });
    const picture = noise(8, 8);
    const data = { ...memoryDataset([jpeg], 20_000), pixels: () => Promise.resolve(picture) };
    const loader = createLoader(data, { batchSize: 500, transform: small, workers, cacheBytes: 0 });
    const used: number[] = [];
    for (let epoch = 0; epoch < 5; epoch++) {
      for await (const batch of loader.epoch(epoch)) batch.release!();
      collect();
      const { heapUsed, external } = process.memoryUsage();
      used.push(heapUsed + external);
    }
    // A leak of 100 bytes a sample would be 8 MB.
    expect(used[4]! - used[0]!).toBeLessThan(4e6);
  });
});

describe('workers', () => {
  it('are told apart from a transform that is none of ours', () => {
    const own: ImageTransform = { ...transform, description: undefined };
    const data = memoryDataset([jpeg], 4);
    expect(() => createLoader(data, { batchSize: 2, transform: own, workers: 1 })).toThrow(/use 0 workers/);
  });

  it('that end by themselves are an error naming the file, and are replaced', async () => {
    await closeWorkers();
    const started: Worker[] = [];
    const onWorker = (worker: Worker): number => started.push(worker);
    process.on('worker', onWorker);
    const loader = createLoader(memoryDataset([jpeg], 64), { batchSize: 4, transform, workers: 1 });
    const batches = loader.epoch(0);
    await batches.next();
    expect(started).toHaveLength(1);
    // Ended while it has more to do than is prepared.
    const rest = take(batches);
    void started[0]!.terminate();
    await expect(rest).rejects.toThrow(
      /^a worker thread of the loader ended while it .* \(exit code 1\): .*--workers 0/,
    );
    expect(await take(loader.epoch(0))).toHaveLength(16);
    expect(started).toHaveLength(2);
    process.off('worker', onWorker);
  });

  it('hold no process: one that leaves its loop early ends by itself', async () => {
    const script = `
      const { createLoader, evalTransform } = await import(${JSON.stringify(pathToFileURL(compiledScript('../../src/data/index.js', import.meta.url)).href)});
      const jpeg = Buffer.from(${JSON.stringify(jpeg.toString('base64'))}, 'base64');
      const data = { source: 'memory', length: 1000, numClasses: 1, label: () => 0, name: String, read: async () => jpeg };
      const transform = evalTransform(${JSON.stringify(transform.description!.config)});
      for await (const batch of createLoader(data, { batchSize: 100, transform, workers: 2 }).epoch(0)) {
        console.log(batch.shape[0]);
        break;
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(output).toBe('100\n');
  });
});

describe.each([0, 2])('broken samples with %i workers', (workers) => {
  const half = (): Buffer => jpeg.subarray(0, jpeg.length / 2);
  const good = (): Uint8Array => jpeg;

  it('are replaced by the next good one of the data set, and reported once', async () => {
    const files = Array.from({ length: 40 }, (_, i) => (i === 7 || i === 8 || i === 39 ? half() : good()));
    const reported: string[] = [];
    const loader = createLoader(memoryDataset(files), {
      batchSize: 8,
      transform,
      workers,
      onError: 'skip',
      onBroken: ({ name, reason }) => reported.push(`${name}: ${reason}`),
    });
    for (let round = 0; round < 2; round++) {
      const batches = await take(loader.epoch(round));
      const expected = Array.from({ length: 40 }, (_, i) => (i === 7 || i === 8 ? 9 : i === 39 ? 0 : i));
      expect(batches.flatMap(({ indices }) => [...indices])).toEqual(expected);
      expect(batches.flatMap(({ labels }) => [...labels])).toEqual(expected.map((i) => i % 7));
      expect(batches[4]!.names[7]).toBe('memory/0.jpg');
    }
    expect(reported.sort()).toEqual([
      expect.stringMatching(/^memory\/39.jpg: cannot decode memory\/39.jpg/),
      expect.stringMatching(/^memory\/7.jpg: /),
      expect.stringMatching(/^memory\/8.jpg: /),
    ]);
  });

  it('are left out where no other may stand in their place, a whole batch of them as well', async () => {
    const broken = [1, 3, 8, 9, 10, 11];
    const files = Array.from({ length: 62 }, (_, i) => (broken.includes(i) ? half() : good()));
    files[2] = await noiseJpeg(50, 40, 2);
    const reported: string[] = [];
    const loader = createLoader(memoryDataset(files), {
      batchSize: 4,
      transform,
      workers,
      onError: 'omit',
      onBroken: ({ name }) => reported.push(name),
    });
    const batches = await take(loader.epoch(0));
    const kept = files.flatMap((_, i) => (broken.includes(i) ? [] : [i]));
    expect(batches.flatMap(({ indices }) => [...indices])).toEqual(kept);
    expect(batches.flatMap(({ labels }) => [...labels])).toEqual(kept.map((i) => i % 7));
    expect(batches.map(({ shape: [size] }) => size)).toEqual([2, 4, ...Array<number>(12).fill(4), 2]);
    expect(reported.sort()).toEqual(broken.map((i) => `memory/${i}.jpg`).sort());
    // Each picture is its own, although others before it are missing.
    const pair = memoryDataset([files[0]!, files[2]]);
    const [alone] = await take(createLoader(pair, { batchSize: 4, transform, workers }).epoch(0));
    expect(batches[0]!.images).toEqual(alone!.images);
  });

  it('are an error when all are broken', async () => {
    const loader = createLoader(memoryDataset([half()], 5000), {
      batchSize: 8,
      transform,
      workers,
      onError: 'skip',
    });
    await expect(take(loader.epoch(0))).rejects.toThrow(/memory: 1\d\d samples (in a row )?are broken/);
  });

  it('are an error when they are more than a tenth', async () => {
    const loader = createLoader(memoryDataset([half(), good(), good(), good(), good()], 1000), {
      batchSize: 8,
      transform,
      workers,
      onError: 'skip',
    });
    await expect(take(loader.epoch(0))).rejects.toThrow(
      /memory: 10\d samples are broken, more than 10 %; the last: cannot decode/,
    );
  });
});
