import type * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { stage, type StageArgs } from './spec/stage.js';
import { TBlock } from './t-block.js';

/** One stage: its downsampling, if it has one, then its blocks. `[b, h, w, c]` -> `[b, h', w', c']`. */
export class Stage extends ModuleLayer {
  static readonly className = 'RecNextStage';
  private readonly args: StageArgs;

  constructor(args: LayerArgs<StageArgs>) {
    const { series, downsample, blocks } = args;
    const own = { series, downsample, blocks } as StageArgs;
    super(stage(own), args);
    this.args = own;
  }

  protected override forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    if (!this.sharesAttention) return this.runInOrder(x, (module, y) => module.run(y, context));
    let shared: tf.Tensor[] = [];
    return this.runInOrder(x, (module, y) => {
      if (!(module instanceof TBlock)) return module.run(y, context);
      const { output, attention } = module.runSharing(y, context, shared);
      shared = attention === undefined ? [] : [...shared, attention];
      return output;
    });
  }

  private get sharesAttention(): boolean {
    const { series, blocks } = this.args;
    return series === 't' && blocks.some((block) => block.mixer === 'shared');
  }

  protected override inputChannels(): number | undefined {
    return this.args.downsample?.inChannels ?? this.args.blocks[0]?.channels;
  }
}

registerLayer(Stage);
