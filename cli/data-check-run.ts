import { checkDataset, type DataReport, type Range } from '../src/data/check/check.js';
import { openDataset, type BrokenShard } from '../src/data/index.js';
import { UserError } from '../src/errors.js';
import type { DataCheckOptions } from './data.js';
import type { Output } from './shared/output.js';
import { StopSignal } from './shared/stop-signal.js';

/** So many duplicates are listed for people; `--json` has all. */
const LISTED = 10;

export async function runDataCheckCommand(
  source: string,
  { split, concurrency, cacheDir, cacheLimit }: DataCheckOptions,
  output: Output,
): Promise<void> {
  const brokenShards: BrokenShard[] = [];
  const data = await openDataset(source, {
    split,
    cacheDir,
    cacheLimit,
    notice: (line) => output.info(line),
    onBroken: 'skip',
    onBrokenShard: (shard) => brokenShards.push(shard),
  });
  const stop = new StopSignal(output);
  const progress = output.progress('checking', data.length);
  const report = await checkDataset(data, {
    concurrency,
    signal: stop.signal,
    onProgress: (samples) => progress.update(samples),
  }).finally(() => {
    progress.done();
    stop.dispose();
  });
  output.result(
    { ...report, brokenShards },
    [...describe(report), ...brokenShards.map(describeShard)].join('\n'),
  );
  const { broken, samples } = report;
  if (broken.length + brokenShards.length > 0)
    throw new UserError(
      `${report.source}: ${broken.length} of ${samples} images are broken` +
        `${brokenShards.length > 0 ? `, and ${brokenShards.length} shards, whose images are not counted` : ''}: replace or remove them.`,
    );
}

function describe(report: DataReport): string[] {
  const { samples, numClasses, bytes, width, height, classSizes, smallestClass, largestClass, broken } =
    report;
  const formats = Object.entries(report.formats).map(([format, count]) => `${count} ${format}`);
  const { duplicates, contradictions, emptyClasses } = report;
  return [
    `${samples} images (${formats.join(', ') || 'none that can be read'}), ${numClasses} classes`,
    ...(bytes && width && height
      ? [`smallest, median, largest: ${range(bytes)} bytes, ${range(width)} wide, ${range(height)} high`]
      : []),
    `images of a class: ${range(classSizes)} (fewest in ${smallestClass.class}, most in ${largestClass.class})`,
    ...(emptyClasses.length > 0
      ? [`classes without an image: ${emptyClasses.length} (${emptyClasses.slice(0, LISTED).join(', ')})`]
      : []),
    `images that are there more than once: ${duplicates.length}, under different labels: ${contradictions}`,
    ...duplicates
      .slice(0, LISTED)
      .map(
        ({ names, sameBytes }) =>
          `  ${names.join(' = ')}${sameBytes ? '' : ' (other files, the same picture)'}`,
      ),
    ...(duplicates.length > LISTED ? [`  and ${duplicates.length - LISTED} more`] : []),
    `broken images: ${broken.length}`,
    ...broken.map(({ reason }) => `  ${reason}`),
  ];
}

function describeShard({ reason, samples, found }: BrokenShard): string {
  const count = samples === undefined ? '' : `, of ${samples} by its manifest`;
  return `broken shard: ${reason} Images found in it before that: ${found.length}${count}`;
}

const range = ({ min, median, max }: Range): string => `${min}, ${median}, ${max}`;
