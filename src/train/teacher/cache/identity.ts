import { createHash } from 'node:crypto';
import type { Dataset } from '../../../data/index.js';
import type { DataConfig } from '../../../models/image-model.js';
import { optionName, type RunConfig, type RunConfigKey } from '../../config.js';
import { labelDigest } from '../../data-identity.js';
import { parseProgressive } from '../../progressive.js';
import type { EntryFormat } from './entry.js';
import type { CacheIdentity } from './manifest.js';

/** Options that change which images a batch has, or how they look. */
const OF_IMAGES: readonly RunConfigKey[] = [
  'seed',
  'batchSize',
  'aa',
  'colorJitter',
  'trainInterpolation',
  'repeatedAug',
  'threeAugment',
  'scale',
  'ratio',
  'hflip',
  'reprob',
  'remode',
  'recount',
  'mixup',
  'cutmix',
  'cutmixMinmax',
  'mixupProb',
  'mixupSwitchProb',
  'mixupMode',
  'mixupOffEpoch',
  'overfitBatches',
  'compat',
];

/** What a run shows its teacher, and what is kept of the answers. */
export async function imagesIdentity(
  config: RunConfig,
  data: Dataset,
  { mean, std, interpolation }: DataConfig,
  { kind, classes, topk, type }: EntryFormat,
): Promise<CacheIdentity> {
  return {
    'what is kept':
      kind === 'hard' ? 'classes (hard)' : `${topk === classes ? 'all' : topk} logits in ${type} (soft)`,
    images: String(data.length),
    classes: String(classes),
    labels: labelDigest(data),
    'names and contents': await contentDigest(data),
    sizes: parseProgressive(config)
      .map(({ epoch, size }) => `${epoch}:${size}`)
      .join(' '),
    ...Object.fromEntries(
      OF_IMAGES.map((key) => [optionName(key), [config[key] ?? 'none'].flat().join(' ')]),
    ),
    'student mean': mean.join(' '),
    'student std': std.join(' '),
    interpolation,
  };
}

/**
 * A short digest of the samples' names, without the folders they lie in, and of the contents of the first, the middle and the last of them: the same data elsewhere
 * are the same, the same pictures in another size or quality are not.
 */
async function contentDigest(data: Dataset): Promise<string> {
  const hash = createHash('sha256');
  for (let index = 0; index < data.length; index++) hash.update(`${lastName(data.name(index))}\n`);
  for (const index of new Set([0, data.length >> 1, data.length - 1]))
    // One that cannot be read is told of when it is trained on.
    hash.update(await data.read(index).catch(() => new Uint8Array(0)));
  return hash.digest('hex').slice(0, 16);
}

function lastName(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\'), name.lastIndexOf('!')) + 1);
}
