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

/** An input or a result of a model. */
export interface OnnxPort {
  readonly name: string;
  /** As ONNX calls it: `float32`; empty for what is no tensor. */
  readonly type: string;
  /** A text stands for a length that is open; empty where the model does not say. */
  readonly shape: readonly (number | string)[];
}

/** An ONNX model of one input, everything float32, ready to run. */
export class OnnxSession {
  private constructor(
    private readonly runtime: OnnxRuntime,
    private readonly session: ort.InferenceSession,
  ) {}

  /**
   * @param model bytes of an `.onnx` file, or its path: then its weights may lie in files beside it
   * @throws UserError where onnxruntime is missing, or doesn't take the model or the device
   */
  static async open(
    model: Uint8Array | string,
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
      const { InferenceSession } = runtime;
      const session =
        typeof model === 'string'
          ? InferenceSession.create(model, options)
          : InferenceSession.create(model, options);
      return new OnnxSession(runtime, await session);
    } catch (error) {
      const [line] = (error as Error).message.split('\n');
      throw new UserError(
        `${typeof model === 'string' ? `${model}: ` : ''}onnxruntime does not open the model on ${device}: ${line}${device === 'cpu' ? '' : '. Use --device cpu, or --engine tensorflow'}`,
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

  get inputs(): OnnxPort[] {
    return this.session.inputMetadata.map(portOf);
  }

  get outputs(): OnnxPort[] {
    return this.session.outputMetadata.map(portOf);
  }

  /** Runs the model for one of its results. */
  async runFor(
    output: string,
    data: Float32Array,
    shape: readonly number[],
  ): Promise<{ data: Float32Array; shape: readonly number[] }> {
    const { session, runtime } = this;
    const images = new runtime.Tensor('float32', ownMemory(data), shape);
    const results = await session.run({ [session.inputNames[0]!]: images }, [output]);
    const { data: values, dims } = results[output]!;
    return { data: values as Float32Array, shape: dims };
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

function portOf(value: ort.InferenceSession.ValueMetadata): OnnxPort {
  return value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape }
    : { name: value.name, type: '', shape: [] };
}

/** onnxruntime refuses shared memory ("Invalid argument"), in which the loader's threads leave their batches. */
function ownMemory(data: Float32Array): Float32Array {
  return data.buffer instanceof SharedArrayBuffer ? data.slice() : data;
}

function provider(device: string): ort.InferenceSession.ExecutionProviderConfig {
  const parsed = parseDevice(device);
  return parsed.kind === 'cpu' ? 'cpu' : { name: 'cuda', deviceId: parsed.index ?? 0 };
}
