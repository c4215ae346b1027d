import type * as ort from 'onnxruntime-node';
import { UserError } from '../../errors.js';
import { parseDevice } from '../device.js';
import { loadOnnxRuntime, type OnnxRuntime } from './library.js';

export interface OnnxSessionOptions {
  /** Threads of one operation; default: onnxruntime's own choice, one a core. */
  readonly threads?: number;
  /** `cpu` (default), `gpu` or `gpu:N` (CUDA). */
  readonly device?: string;
  /** Beginning of the path of a file that tells of every run, written by `endProfile`. */
  readonly profile?: string;
}

/** An ONNX model of one input, everything float32, ready to run. */
export class OnnxSession {
  private constructor(
    private readonly runtime: OnnxRuntime,
    private readonly session: ort.InferenceSession,
  ) {}

  /**
   * @param model bytes of an `.onnx` file
   * @throws UserError where onnxruntime is missing, or doesn't take the model or the device
   */
  static async open(
    model: Uint8Array,
    { threads, device = 'cpu', profile }: OnnxSessionOptions = {},
  ): Promise<OnnxSession> {
    const runtime = await loadOnnxRuntime();
    const options: ort.InferenceSession.SessionOptions = {
      executionProviders: [provider(device)],
      // Warnings about nodes that run on the CPU are no news to anyone.
      logSeverityLevel: 3,
      ...(threads !== undefined && { intraOpNumThreads: threads }),
      ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
    };
    try {
      return new OnnxSession(runtime, await runtime.InferenceSession.create(model, options));
    } catch (error) {
      const [line] = (error as Error).message.split('\n');
      throw new UserError(
        `onnxruntime does not open the model on ${device}: ${line}${device === 'cpu' ? '' : '. Use --device cpu, or --engine tensorflow'}`,
        { cause: error },
      );
    }
  }

  /**
   * Runs the model.
   *
   * @param data row-major; read where it lies unless its memory is shared, so leave it unchanged until the result is there
   * @returns the values of the output, memory of its own
   */
  async run(data: Float32Array, shape: readonly number[]): Promise<Float32Array> {
    return (await this.runAll(data, shape))[this.session.outputNames[0]!]!;
  }

  /** The same of a model of several outputs, by their names. */
  async runAll(data: Float32Array, shape: readonly number[]): Promise<Record<string, Float32Array>> {
    const { session, runtime } = this;
    const results = await session.run({
      [session.inputNames[0]!]: new runtime.Tensor('float32', ownMemory(data), shape),
    });
    return Object.fromEntries(
      Object.entries(results).map(([name, value]) => [name, value.data as Float32Array]),
    );
  }

  /** Writes the file of a session that was opened with `profile`. */
  endProfile(): void {
    this.session.endProfiling();
  }

  /** Gives its memory back. Runs that are under way must have ended. */
  async dispose(): Promise<void> {
    await this.session.release();
  }
}

/** onnxruntime refuses shared memory ("Invalid argument"), in which the loader's threads leave their batches. */
function ownMemory(data: Float32Array): Float32Array {
  return data.buffer instanceof SharedArrayBuffer ? data.slice() : data;
}

function provider(device: string): ort.InferenceSession.ExecutionProviderConfig {
  const parsed = parseDevice(device);
  return parsed.kind === 'cpu' ? 'cpu' : { name: 'cuda', deviceId: parsed.index ?? 0 };
}
