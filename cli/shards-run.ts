import { LeftOutReport, openDataset } from '../src/data/index.js';
import { packShards } from '../src/data/pack/pack.js';
import { ShardNames } from '../src/data/pack/shard-names.js';
import type { Output } from './shared/output.js';
import { StopSignal } from './shared/stop-signal.js';
import type { ShardsCommandOptions } from './shards.js';

export async function runShardsCommand(
  source: string,
  { split, shuffle, seed, cacheDir, cacheLimit, ...options }: ShardsCommandOptions,
  output: Output,
): Promise<void> {
  const leftOut = new LeftOutReport((line) => output.warn(line));
  const { leftOut: reportFile } = new ShardNames(options.out);
  const data = await openDataset(source, {
    split,
    cacheDir,
    cacheLimit,
    notice: (line) => output.info(line),
    onBroken: options.onError,
    onBrokenShard: leftOut.shard,
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
        onBroken(sample) {
          output.warn(`left out: ${sample.reason}`);
          leftOut.sample(sample);
        },
      },
    );
    const { counts } = leftOut;
    progress.done();
    const { shards, kept, samples, bytes, broken } = result;
    output.result(
      { ...result, brokenShards: counts.shards },
      `${samples} images in ${shards} shards, ${(bytes / 1e6).toFixed(1)} MB` +
        (kept > 0 ? `; ${kept} of them were there already` : '') +
        (broken > 0 ? `; ${broken} images left out` : '') +
        (counts.shards > 0 ? `; ${counts.shards} broken shards of the source left out` : '') +
        (broken + counts.shards > 0 ? `, named in ${reportFile}` : '') +
        `\nopen them with --data '${result.data}'`,
    );
  } finally {
    const { samples, shards } = leftOut.counts;
    if (samples + shards > 0) await leftOut.keepIn(reportFile);
    progress.done();
    stop.dispose();
  }
}
