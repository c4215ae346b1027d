import { contactSheet } from '../src/data/check/contact-sheet.js';
import { evalTransform, openDataset, trainTransform } from '../src/data/index.js';
import { modelDataConfig, resolveModel } from '../src/models/model-config.js';
import { writeFileAtomic } from '../src/runtime/files.js';
import { flagLayer, mergeConfig } from '../src/train/load-config.js';
import { SHOWN, type DataShowOptions } from './data.js';
import type { Output } from './shared/output.js';

export async function runDataShowCommand(
  source: string,
  options: DataShowOptions,
  output: Output,
): Promise<void> {
  const { samples, views, epoch, seed, split, model, cacheDir, cacheLimit } = options;
  const given = Object.entries(options).filter(
    ([key, value]) => (SHOWN as string[]).includes(key) && value !== undefined,
  );
  const config = mergeConfig(flagLayer({ model, data: source, ...Object.fromEntries(given) }));
  const data = await openDataset(source, {
    split,
    cacheDir,
    cacheLimit,
    notice: (line) => output.info(line),
  });
  const images = modelDataConfig(resolveModel(model, { imgSize: config.inputSize }));
  const count = Math.min(samples, data.length);
  const indices = Array.from({ length: count }, (_, i) => Math.floor((i * data.length) / count));
  const sheet = await contactSheet(data, {
    indices,
    views,
    seed,
    epoch,
    plain: evalTransform(images),
    augmented: trainTransform({ ...config, ...images }),
    normalisation: images,
  });
  const bytes = await writeFileAtomic(options.output, sheet);
  const shown = indices.map((index) => ({ name: data.name(index), label: data.label(index) }));
  output.result(
    { file: options.output, bytes, views, samples: shown },
    `${options.output}: ${count} images, ${views} views each`,
  );
}
