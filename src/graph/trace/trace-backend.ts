import * as tf from '@tensorflow/tfjs';
import type { Recorder } from './recorder.js';

/** Name under which the tracing backend is registered with TF.js. */
export const TRACE_BACKEND = 'recnext-trace';

/** Values that were handed to the backend while it traced: constants of the graph, if they are used. */
export interface WrittenValues {
  readonly values: tf.backend_util.BackendValues;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
}

/**
 * A TF.js backend whose kernels append nodes to a graph instead of computing. Tensors have a shape and a type, no values, and take no memory.
 * It works only while `trace` runs.
 */
export class TraceBackend extends tf.KernelBackend {
  recorder: Recorder | undefined;
  private readonly written = new WeakMap<object, WrittenValues>();
  /** TF.js keeps count of its tensors only where a backend keeps count of its data. */
  private readonly counts = new WeakMap<object, number>();

  get active(): Recorder {
    if (this.recorder === undefined)
      throw new Error('the tracing backend computes nothing: use it through trace()');
    return this.recorder;
  }

  writtenValues(dataId: object): WrittenValues | undefined {
    return this.written.get(dataId);
  }

  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    const dataId = {};
    this.written.set(dataId, { values, shape, dtype });
    return dataId;
  }

  override move(
    dataId: object,
    values: tf.backend_util.BackendValues,
    shape: number[],
    dtype: tf.DataType,
  ): void {
    this.written.set(dataId, { values, shape, dtype });
  }

  override readSync(dataId: object): tf.backend_util.BackendValues {
    return this.written.get(dataId)?.values ?? this.active.refuseRead(dataId);
  }

  override read(dataId: object): Promise<tf.backend_util.BackendValues> {
    return Promise.resolve(this.readSync(dataId));
  }

  override numDataIds(): number {
    return 0;
  }

  override disposeData(dataId: object, force = false): boolean {
    const left = this.refCount(dataId) - 1;
    this.counts.set(dataId, left);
    return force || left <= 0;
  }

  override refCount(dataId: object): number {
    return this.counts.get(dataId) ?? 1;
  }

  override incRef(dataId: object): void {
    this.counts.set(dataId, this.refCount(dataId) + 1);
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override timerAvailable(): boolean {
    return false;
  }
}
