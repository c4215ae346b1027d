import { isMixing } from '../data/mixing/index.js';
import type { RunConfig } from './config.js';
import { parseProgressive } from './progressive.js';

/** Up to this size images are padded and cropped in place of the resized crop. */
const SMALL_INPUT = 32;

const percent = (share: number): string => `${+(100 * share).toFixed(1)} %`;

/** What happens to a training image on its way to the network, in order. */
export function describePipeline(config: RunConfig): string[] {
  const { overfitBatches, repeatedAug, inputSize, hflip, threeAugment, aa, colorJitter } = config;
  if (overfitBatches !== undefined) return [`of the first ${overfitBatches} batches, as in validation`];
  const { reprob, remode, recount } = config;
  const sizes = parseProgressive(config)
    .map(({ epoch, size }) => (epoch === 0 ? `${size}` : `${size} from epoch ${epoch} on`))
    .join(', ');
  return [
    ...(repeatedAug ? ['three views of each'] : []),
    inputSize <= SMALL_INPUT
      ? `padded by 4 and cropped to ${sizes}`
      : `a crop of ${config.scale.map(percent).join(' to ')} of the area, resized to ${sizes} (${config.trainInterpolation})`,
    ...(hflip > 0 ? [`mirrored (${percent(hflip)})`] : []),
    ...(threeAugment ? ['3-Augment'] : aa === 'none' ? [] : [aa]),
    ...(colorJitter > 0 && (threeAugment || aa === 'none') ? [`color jitter ${colorJitter}`] : []),
    'normalised',
    ...(reprob > 0 && !threeAugment ? [`erased (${percent(reprob)}, ${remode}, up to ${recount})`] : []),
    ...(isMixing(config) ? [describeMixing(config)] : []),
  ];
}

function describeMixing({ mixup, cutmix, cutmixMinmax, mixupOffEpoch }: RunConfig): string {
  const kinds = [
    ...(mixup > 0 ? [`Mixup ${mixup}`] : []),
    ...(cutmixMinmax ? [`CutMix ${cutmixMinmax.join(' to ')}`] : cutmix > 0 ? [`CutMix ${cutmix}`] : []),
  ];
  return `mixed (${kinds.join(' or ')}${mixupOffEpoch > 0 ? `, until epoch ${mixupOffEpoch}` : ''})`;
}
