import { writeOnnx } from '../../graph/emit/onnx/write-onnx.js';
import { forwardGraph } from '../../graph/forward-graph.js';
import type { HostValue } from '../../graph/host-value.js';
import { prepareInference } from '../../graph/passes/index.js';
import type { ImageModel } from '../../models/image-model.js';
import { OnnxSession, profileOnnx, type OnnxSessionOptions } from '../onnx/index.js';
import { BySize } from './by-size.js';
import type { ImagesShape, ProfiledEngine } from './engine.js';
import type { OperationTime } from './operation-time.js';
import { hostWeights } from './weights.js';

/**
 * Runs a model in onnxruntime on our own ONNX export, its weights frozen as they are now. Compiled once for each size of image, for any batch.
 *
 * @throws UserError where onnxruntime is not installed
 */
export class OnnxEngine implements ProfiledEngine {
  readonly engine = 'onnx';
  private readonly sessions = new BySize((height, width) =>
    OnnxSession.open(this.onnxModel(height, width), this.options),
  );

  private constructor(
    private readonly model: ImageModel,
    private readonly weights: ReadonlyMap<string, HostValue>,
    private readonly options: OnnxSessionOptions,
  ) {}

  static async open(model: ImageModel, options: OnnxSessionOptions = {}): Promise<OnnxEngine> {
    const engine = new OnnxEngine(model, await hostWeights(model), options);
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
    return session.run(images, shape);
  }

  /** In a session of its own: onnxruntime profiles one from its start to its end. */
  async profile(images: Float32Array, shape: ImagesShape): Promise<OperationTime[]> {
    return profileOnnx(this.onnxModel(shape[1], shape[2]), this.options, images, shape);
  }

  dispose(): void {
    this.sessions.dispose();
  }

  private onnxModel(height: number, width: number): Uint8Array {
    const graph = prepareInference(forwardGraph(this.model, { height, width }));
    // Images come as they lie in TF.js: the model itself turns them.
    return writeOnnx(graph, { weights: this.weights, images: 'nhwc' });
  }
}
