import { forwardGraph } from '../../graph/forward-graph.js';
import { prepareInference } from '../../graph/passes/index.js';
import type { LowerOptions } from '../../graph/tensorflow/lower/index.js';
import { ProgramSession } from '../../graph/tensorflow/program-session.js';
import { writeProgram } from '../../graph/tensorflow/program.js';
import type { ImageModel } from '../../models/image-model.js';
import type { SessionOptions } from '../tensorflow/index.js';
import { BySize } from './by-size.js';
import type { ImagesShape, ProfiledEngine } from './engine.js';
import type { OperationTime } from './operation-time.js';
import { hostWeights } from './weights.js';

type Session = ProgramSession<'evaluate'>;

/** Runs a model that is being trained as a TensorFlow graph: its weights can be taken anew without compiling again. */
export class LiveTensorFlowEngine implements ProfiledEngine {
  readonly engine = 'tensorflow';
  private readonly sessions = new BySize((height, width) => this.open(height, width));
  private weights: Awaited<ReturnType<typeof hostWeights>> = new Map();

  constructor(
    private readonly model: ImageModel,
    private readonly options: SessionOptions & LowerOptions = {},
  ) {}

  get numClasses(): number {
    return this.model.numClasses;
  }

  /** From now on the model's present weights count. */
  async takeWeights(): Promise<void> {
    this.weights = await hostWeights(this.model);
    for (const session of await this.sessions.all()) await session.set(this.weights);
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

  private async open(height: number, width: number): Promise<Session> {
    const program = writeProgram(
      { evaluate: prepareInference(forwardGraph(this.model, { height, width }), this.options) },
      { pointwiseAsMatMul: true, ...this.options },
    );
    const session = await ProgramSession.open(program, this.options);
    await session.set(this.weights);
    return session;
  }
}
