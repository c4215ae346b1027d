import { convertCheckpoint, type ConvertResult } from '../src/convert/convert.js';
import { isGraphTarget } from '../src/convert/targets.js';
import { readClassNames } from '../src/eval/class-names.js';
import type { ConvertCommandOptions } from './convert.js';
import { showDownloads } from './shared/download-progress.js';
import type { Output } from './shared/output.js';

export async function convert(file: string, options: ConvertCommandOptions, output: Output): Promise<void> {
  // Only comparing and tracing need TF.js: without them it is not even loaded.
  if (options.verify || isGraphTarget(options.to))
    await (await import('./shared/compute.js')).startCompute(options, output, 'layers');
  const result = await convertCheckpoint({
    weights: file,
    model: options.model,
    output: options.output,
    fuse: options.fuse,
    to: options.to,
    which: options.which,
    quantize: options.quantize,
    calibration: options.calibration,
    verify: options.verify,
    seed: options.seed,
    shardBytes: options.shardSize === undefined ? undefined : Math.ceil(options.shardSize * 1e6),
    numClasses: options.numClasses,
    onClassMismatch: 'reset',
    imgSize: options.inputSize,
    ...showDownloads(output),
    classNames: options.classes === undefined ? undefined : await readClassNames(options.classes),
  });
  result.notes.forEach((note) => output.info(note));
  output.result(
    result,
    `${result.model}: ${result.numClasses} classes, ${(result.params / 1e6).toFixed(2)} M parameters, ${
      result.fused === 'none' ? 'not fused' : `fused (${result.fused})`
    }\n${difference(result)}\nwritten: ${options.output} (${result.files.length} files, ${(result.bytes / 1e6).toFixed(2)} MB)`,
  );
}

function difference({ maxAbsDiff, maxRelDiff }: ConvertResult): string {
  if (maxAbsDiff === null || maxRelDiff === null) return 'not compared with the weights read';
  return `largest difference to the weights read, on a random image: ${maxAbsDiff.toExponential(2)} (${maxRelDiff.toExponential(2)} of the largest logit)`;
}
