import type { Graph } from '../../graph/graph.js';
import { peakBytes } from '../../graph/memory.js';
import { parseDevice } from '../device.js';
import { freeBytes } from '../free-memory.js';
import {
  describeShortage,
  isOutOfMemory,
  memoryWarning,
  outOfMemory,
  type MemoryNeed,
} from '../out-of-memory.js';
import type { EngineName, ImagesShape } from './engine.js';

type Purpose = 'inference' | 'training';

/**
 * What an engine takes for a batch, of the tensors that are alive at one time by the graph's order (`peakBytes`): measured on M1 and A1 at 224 by the growth of the
 * peak memory with the batch. TensorFlow runs operations side by side, onnxruntime's arena grows in powers of two, TF.js keeps what the graph would have given up.
 */
const TAKEN: Record<EngineName, Record<Purpose, number>> = {
  tensorflow: { inference: 2, training: 1.2 },
  onnx: { inference: 3, training: NaN },
  eager: { inference: 4, training: 2.7 },
};

/** No model takes more than so many times what its images take: a batch that fits even so is not looked at more closely. */
const AT_MOST: Record<Purpose, number> = { inference: 50, training: 500 };

export interface GuardOptions {
  readonly engine: EngineName;
  readonly purpose: Purpose;
  readonly device?: string;
  /** The graph of a run on so many images. Traced only where memory is short. */
  readonly graphOf: (shape: ImagesShape) => Graph;
  /** Told before a run that memory will probably not be enough for: the system may end the process without a word. */
  readonly warn?: (line: string) => void;
}

/** Watches over the memory of an engine's runs: warns before one that is probably too large, and says of one that failed which batch would fit. */
export class MemoryGuard {
  private largest = 0;
  private free: number | undefined;

  constructor(private readonly options: GuardOptions) {}

  /** Makes a run. @throws UserError when there is not enough memory for it */
  async run<T>(shape: ImagesShape, run: () => Promise<T>): Promise<T> {
    this.before(shape);
    try {
      return await run();
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
      throw outOfMemory(this.need(shape), error);
    }
  }

  /**
   * What a batch takes and which would fit, for whoever outlived the process that the batch ended; undefined where there is so much memory that it ended of
   * something else.
   */
  shortage(shape: ImagesShape): string | undefined {
    if (parseDevice(this.options.device ?? 'cpu').kind === 'cpu') this.free ??= freeBytes();
    const need = this.need(shape);
    return need.bytesOf(need.batch) < (need.free ?? 0) / 2 ? undefined : describeShortage(need);
  }

  /** Native libraries keep what they have taken once: what is free is looked up before a batch that is larger than all before. */
  private before(shape: ImagesShape): void {
    const { purpose, device = 'cpu', warn } = this.options;
    const values = shape.reduce((product, length) => product * length, 1);
    if (values <= this.largest) return;
    this.largest = values;
    if (parseDevice(device).kind !== 'cpu') return;
    this.free = freeBytes();
    if (warn === undefined || 4 * values * AT_MOST[purpose] <= this.free) return;
    const line = memoryWarning(this.need(shape));
    if (line !== undefined) warn(line);
  }

  private need([batch, height, width, channels]: ImagesShape): MemoryNeed {
    const { engine, purpose, graphOf } = this.options;
    const bytesOf = memoized(
      (images) => TAKEN[engine][purpose] * peakBytes(graphOf([images, height, width, channels]), images),
    );
    return { batch, height, width, bytesOf, free: this.free };
  }
}

function memoized(of: (batch: number) => number): (batch: number) => number {
  const known = new Map<number, number>();
  return (batch) => {
    let value = known.get(batch);
    if (value === undefined) known.set(batch, (value = of(batch)));
    return value;
  };
}
