import { Option, type Command } from 'commander';
import type { DataConfig } from '../../src/models/image-model.js';
import { number } from './options.js';

/** How images are brought to the model's input; what is left away is as the model has it. */
export interface PreprocessingOptions {
  interpolation?: DataConfig['interpolation'];
  cropPct?: number;
  cropMode?: DataConfig['cropMode'];
}

const INTERPOLATIONS = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const;
const CROP_MODES = ['center', 'squash', 'border'] as const;

export function addPreprocessingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--interpolation <name>', 'filter of the resize (default: as the model says)').choices(
        INTERPOLATIONS,
      ),
    )
    .option(
      '--crop-pct <share>',
      'share of the resized image that is seen (default: as the model says)',
      number(0.01, 1),
    )
    .addOption(
      new Option(
        '--crop-mode <name>',
        'center: short side resized; squash: both sides; border: long side, rest filled (default: as the model says)',
      ).choices(CROP_MODES),
    );
}
