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

  protected override forward(input: tf.Tensor, context: ForwardContext): tf.Tensor {
    let shared: tf.Tensor[] = [];
    let x = input;
    for (const [name] of this.spec.children) {
      const module = this.module(name);
      const next =
        this.sharesAttention && module instanceof TBlock ? module.runSharing(x, context, shared) : undefined;
      if (next !== undefined) shared = next.attention === undefined ? [] : [...shared, next.attention];
      const output = next?.output ?? module.run(x, context);
      // The tidy around a stage would hold every block's output to its end.
      if (x !== input) x.dispose();
      x = output;
    }
    return x;
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
