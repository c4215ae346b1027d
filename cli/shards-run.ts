import { openDataset } from '../src/data/index.js';
import { packShards } from '../src/data/pack/pack.js';
import type { Output } from './shared/output.js';
import { StopSignal } from './shared/stop-signal.js';
import type { ShardsCommandOptions } from './shards.js';

export async function runShardsCommand(
  source: string,
  { split, shuffle, seed, cacheDir, cacheLimit, ...options }: ShardsCommandOptions,
  output: Output,
): Promise<void> {
  const data = await openDataset(source, {
    split,
    cacheDir,
    cacheLimit,
    notice: (line) => output.info(line),
  });
  const stop = new StopSignal(output);
  const progress = output.progress('packing', data.length);
  try {
    const result = await packShards(
      data,
      { ...options, shuffleSeed: shuffle ? seed : undefined },
      {
        signal: stop.signal,
        onProgress: (samples) => progress.update(samples),
        onBroken: ({ reason }) => output.warn(`left out: ${reason}`),
      },
    );
    progress.done();
    const { shards, kept, samples, bytes, broken } = result;
    output.result(
      result,
      `${samples} images in ${shards} shards, ${(bytes / 1e6).toFixed(1)} MB` +
        (kept > 0 ? `; ${kept} of them were there already` : '') +
        (broken > 0 ? `; ${broken} images left out` : '') +
        `\nopen them with --data '${result.data}'`,
    );
  } finally {
    progress.done();
    stop.dispose();
  }
}
