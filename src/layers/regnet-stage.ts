import type * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { regNetStage, type RegNetStageArgs } from './spec/regnet.js';

/** RegNetY's blocks in order: `[b, h, w, c]` -> `[b, h', w', c']`. */
export class RegNetStage extends ModuleLayer {
  static readonly className = 'RegNetStage';

  constructor(args: LayerArgs<RegNetStageArgs>) {
    super(regNetStage({ blocks: args.blocks }), args);
  }

  protected override forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    return this.runInOrder(x, (module, y) => module.run(y, context));
  }
}

registerLayer(RegNetStage);
