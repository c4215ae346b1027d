import { forwardGraph } from '../../graph/forward-graph.js';
import type { HostValue } from '../../graph/host-value.js';
import { encodeGraphDef } from '../../graph/tensorflow/graph-def.js';
import { prepareInference } from '../../graph/passes/index.js';
import type { LowerOptions } from '../../graph/tensorflow/lower/index.js';
import { writeFrozen, type Routine } from '../../graph/tensorflow/program.js';
import type { ImageModel } from '../../models/image-model.js';
import { TensorFlowSession, type SessionOptions } from '../tensorflow/index.js';
import type { ImagesShape, InferenceEngine } from './engine.js';
import { hostWeights } from './weights.js';

interface Compiled {
  readonly session: TensorFlowSession;
  readonly routine: Routine;
}

/**
 * Runs a model as a TensorFlow graph, its weights frozen as they are now. Compiled once for each size of image, for any batch.
 *
 * @throws UserError where there is no libtensorflow
 */
export class TensorFlowEngine implements InferenceEngine {
  readonly engine = 'tensorflow';
  private readonly compiled = new Map<string, Promise<Compiled>>();

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
    await engine.compile(height, width);
    return engine;
  }

  get numClasses(): number {
    return this.model.numClasses;
  }

  async logits(images: Float32Array, shape: ImagesShape): Promise<Float32Array> {
    const { session, routine } = await this.compile(shape[1], shape[2]);
    const feed = routine.inputs.get('images')!.node;
    const [logits] = await session.run({
      feeds: new Map([[feed, { dtype: 'float32', shape, data: images }]]),
      fetches: [routine.outputs.get('logits')!],
    });
    return logits!.data as Float32Array;
  }

  dispose(): void {
    for (const compiled of this.compiled.values())
      compiled.then(
        ({ session }) => session.dispose(),
        () => undefined,
      );
    this.compiled.clear();
  }

  private compile(height: number, width: number): Promise<Compiled> {
    const key = `${height}x${width}`;
    let compiled = this.compiled.get(key);
    if (compiled === undefined) this.compiled.set(key, (compiled = this.open(height, width)));
    return compiled;
  }

  private async open(height: number, width: number): Promise<Compiled> {
    const graph = prepareInference(forwardGraph(this.model, { height, width }));
    const { nodes, routine } = writeFrozen(graph, this.weights, { pointwiseAsMatMul: true, ...this.options });
    return { session: await TensorFlowSession.open(encodeGraphDef(nodes), this.options), routine };
  }
}
