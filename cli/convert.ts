import { Option, type Command } from 'commander';
import { TARGET_TRAITS, TARGETS, type Target } from '../src/convert/targets.js';
import { addComputeOptions, integer, number, type ComputeOptions } from './shared/options.js';
import { Output } from './shared/output.js';

interface ConvertCommandOptions extends ComputeOptions {
  model?: string;
  output: string;
  fuse?: 'full' | 'reference';
  to: Target;
  which?: string;
  quantize?: 'float16' | 'bfloat16' | 'uint8' | 'uint16' | 'int8';
  calibration?: string;
  shardSize?: number;
  numClasses?: number;
  verify: boolean;
  inputSize?: number;
  classes?: string;
}

export function registerConvertCommand(program: Command): void {
  const command = program
    .command('convert')
    .summary('a checkpoint into another form, batch norms folded on request')
    .description(
      'Reads a checkpoint (PyTorch .pth or .pt, TorchScript, safetensors, a timm-style folder, a TF.js LayersModel), found out by its ' +
        'content, and writes it in another form. What was written is compared with what was read on a random image, where its runtime is installed. ' +
        'Graphs (GraphModel, SavedModel, ONNX, Core ML) are for inference only: their batch norms are folded in any case.',
    )
    .argument('<file>', 'checkpoint file or folder, hf://owner/repo or https://…')
    .requiredOption('-o, --output <dir>', 'folder to write')
    .option('--model <name>', 'the model it must be. Default: found from names and shapes')
    .addOption(
      new Option('--fuse [mode]', 'fold batch norms: all of them, or those the reference folds')
        .choices(['full', 'reference'])
        .preset('full'),
    )
    .addOption(
      new Option(
        '--to <form>',
        `what to write: ${TARGETS.map((to) => `${to}: ${TARGET_TRAITS[to].is}`).join('; ')}`,
      )
        .choices(TARGETS)
        .default('layers'),
    )
    .option(
      '--which <set>',
      'the weights to take where a file holds several: model, ema or a key. Default: model',
    )
    .addOption(
      new Option(
        '--quantize <type>',
        'store the weights in fewer bytes: float16 (all but savedmodel); uint8 or uint16 (layers, hub, graph); bfloat16 (safetensors, pth); int8 (onnx, with --calibration: 1×1 convolutions computed in 8 bits)',
      ).choices(['float16', 'bfloat16', 'uint8', 'uint16', 'int8']),
    )
    .option('--shard-size <mb>', 'largest weight file of a TF.js model, MB (default: 4)', number(0.001, 1e6))
    .option(
      '--calibration <dir>',
      'images that --quantize int8 finds the ranges of values with: a hundred are enough',
    )
    .option('--no-verify', 'do not compare what was written with what was read (faster, less memory)')
    .option('--num-classes <n>', 'another number of classes: a fresh head; 0: none', integer(0, 1e6))
    .option('--input-size <n>', 'side of the image the model is for, pixels', integer(1, 65536))
    .option('--classes <file>', 'names of the classes, one a line');
  addComputeOptions(command).action(async (file: string, options: ConvertCommandOptions) => {
    const { convert } = await import('./convert-run.js');
    await convert(file, options, new Output(options));
  });
}

export type { ConvertCommandOptions };
