import { UsageError } from '../../errors.js';
import { RandomStream } from '../random.js';
import { mixImages } from './apply.js';
import { checkMixing, isMixing, type MixingConfig } from './config.js';
import { drawMixes } from './draw.js';
import { mixedTargets } from './targets.js';

/** Which step of a run: all that a mixing depends on beside the batch. */
export interface StepAddress {
  readonly seed: number;
  readonly epoch: number;
  readonly step: number;
}

/** What a mixing reads: a loader's batch is one. */
export interface MixableBatch {
  /** `[batch, height, width, channels]`, row-major, normalised. */
  readonly images: Float32Array;
  readonly shape: readonly [batch: number, height: number, width: number, channels: number];
  readonly labels: Int32Array;
}

/** @returns soft targets, `[batch, numClasses]` row-major; `batch.images` is mixed in place. */
export type Mixing = (batch: MixableBatch, address: StepAddress) => Float32Array;

/**
 * timm's `Mixup`: Mixup and CutMix with label smoothing. The partner of picture i is picture batch - 1 - i. Parameters are drawn from
 * (seed, epoch, step) alone, so that a resumed run mixes as the uninterrupted one does. From `mixupOffEpoch` on, and with neither Mixup
 * nor CutMix switched on, pictures stay as they are and targets are the smoothed labels.
 *
 * @throws UsageError for options out of range; the mixing itself for a batch of an odd size.
 */
export function createMixing(config: MixingConfig): Mixing {
  const checked = checkMixing(config);
  const { numClasses, smoothing, mixupOffEpoch } = checked;
  return ({ images, shape, labels }, { seed, epoch, step }) => {
    const off = !isMixing(checked) || (mixupOffEpoch > 0 && epoch >= mixupOffEpoch);
    if (off) return mixedTargets(labels, new Float32Array(labels.length).fill(1), numClasses, smoothing);
    if (shape[0] % 2 !== 0)
      throw new UsageError(
        `mixup and cutmix mix pictures in pairs: expected an even batch, found ${shape[0]}. Choose an even --batch-size.`,
      );
    const drawn = drawMixes(checked, shape, new RandomStream({ seed, epoch, index: step }, 'mixing'));
    mixImages(
      images,
      shape,
      drawn.map(({ mix }) => mix),
    );
    return mixedTargets(
      labels,
      drawn.map(({ lam }) => lam),
      numClasses,
      smoothing,
    );
  };
}
