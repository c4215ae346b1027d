import { readFile } from 'node:fs/promises';
import { UsageError, UserError } from '../src/errors.js';
import { loadClassifier } from '../src/eval/load-classifier.js';
import { openEngine } from '../src/runtime/engines/open.js';
import { Predictor } from '../src/eval/predict.js';
import type { PredictCommandOptions } from './predict.js';
import { startCompute } from './shared/compute.js';
import { showDownloads } from './shared/download-progress.js';
import type { Output } from './shared/output.js';

export async function runPredictCommand(
  files: readonly string[],
  options: PredictCommandOptions,
  output: Output,
): Promise<void> {
  const compute = await startCompute(options, output, 'single images');
  const { model, classNames, notes } = await loadClassifier(options, showDownloads(output));
  notes.forEach((note) => output.info(note));
  if (model.numClasses === 0) throw new UsageError('predict needs a classifier: --num-classes 0 leaves none');
  const names = classNames ?? (await imageNetNames(model.numClasses, output));
  const engine = await openEngine(model, compute.engine);
  const predictor = new Predictor(engine, model.dataConfig, names);
  let failed = 0;
  for (const file of files) {
    try {
      const { top, logits } = await predictor.predict(await read(file), file, options.topK);
      const names = top.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(2)} %`);
      output.result(
        { file, top, ...(options.logits && { logits: [...logits] }) },
        `${file}: ${names.join(', ')}${options.logits ? `\n  logits: ${logits.join(' ')}` : ''}`,
      );
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failed++;
      output.error(error.message);
    }
  }
  engine.dispose();
  model.dispose();
  if (failed > 0) throw new UserError(`${failed} of ${files.length} images could not be classified.`);
}

async function read(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: unknown) => {
    throw new UserError(`${file}: cannot be read (${(error as Error).message}).`, { cause: error });
  });
}

/** Published weights come without names; a thousand classes are ImageNet's. */
async function imageNetNames(numClasses: number, output: Output): Promise<readonly string[] | undefined> {
  if (numClasses !== 1000) return undefined;
  output.info('the weights name no classes: taken for those of ImageNet-1K (--classes FILE names others)');
  return (await import('../src/eval/imagenet-classes.js')).IMAGENET_CLASSES;
}
