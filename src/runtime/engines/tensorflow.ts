import { forwardGraph } from '../../graph/forward-graph.js';
import type { HostValue } from '../../graph/host-value.js';
import { prepareInference } from '../../graph/passes/index.js';
import type { LowerOptions } from '../../graph/tensorflow/lower/index.js';
import { ProgramSession } from '../../graph/tensorflow/program-session.js';
import { writeFrozen } from '../../graph/tensorflow/program.js';
import type { ImageModel } from '../../models/image-model.js';
import type { SessionOptions } from '../tensorflow/index.js';
import { BySize } from './by-size.js';
import type { ImagesShape, ProfiledEngine } from './engine.js';
import type { OperationTime } from './operation-time.js';
import { hostWeights } from './weights.js';

/**
 * Runs a model as a TensorFlow graph, its weights frozen as they are now. Compiled once for each size of image, for any batch.
 *
 * @throws UserError where there is no libtensorflow
 */
export class TensorFlowEngine implements ProfiledEngine {
  readonly engine = 'tensorflow';
  private readonly sessions = new BySize((height, width) => {
    const graph = prepareInference(forwardGraph(this.model, { height, width }), this.options);
    const options = { pointwiseAsMatMul: true, ...this.options };
    return ProgramSession.open(writeFrozen('evaluate', graph, this.weights, options), this.options);
  });

  private constructor(
    private readonly model: ImageModel,
    private readonly weights: ReadonlyMap<string, HostValue>,
    private readonly options: SessionOptions & LowerOptions,
  ) {}

  static async open(
    model: ImageModel,
    options: SessionOptions & LowerOptions = {},
  ): Promise<TensorFlowEngine> {
    const engine = new TensorFlowEngine(model, await hostWeights(model), options);
    const [, height, width] = model.dataConfig.inputSize;
    // What doesn't work shows here, not at the first image.
    await engine.sessions.get(height, width);
    return engine;
  }

  get numClasses(): number {
    return this.model.numClasses;
  }

  async logits(images: Float32Array, shape: ImagesShape): Promise<Float32Array> {
    const session = await this.sessions.get(shape[1], shape[2]);
    const { logits } = await session.run({ routine: 'evaluate', inputs: { images } });
    return logits!.data as Float32Array;
  }

  async profile(images: Float32Array, shape: ImagesShape): Promise<OperationTime[]> {
    const session = await this.sessions.get(shape[1], shape[2]);
    const { operations } = await session.profile({ routine: 'evaluate', inputs: { images } });
    return operations;
  }

  dispose(): void {
    this.sessions.dispose();
  }
}
