import * as tf from '@tensorflow/tfjs';
import { moduleScope } from '../../graph/trace/module-scope.js';
import type { OperationTime } from './operation-time.js';

/** What TF.js writes down of a kernel while it profiles. */
interface KernelRecord {
  readonly name: string;
  readonly kernelTimeMs: number | { readonly error: string } | Promise<number | { readonly error: string }>;
}

/** The part of TF.js' engine that it writes its profile to. */
interface EngineState {
  readonly activeProfile: { kernels: KernelRecord[] };
}

interface Timed {
  readonly name: string;
  readonly layer: string;
  /** Milliseconds. */
  readonly start: number;
  readonly end: number;
}

/**
 * Runs TF.js code and tells when each of its kernels ran. A gradient's kernels run outside of every module: they have no layer.
 *
 * @throws Error where the backend cannot time its kernels
 */
export async function profileEager(run: () => unknown): Promise<OperationTime[]> {
  const state = (tf.engine() as unknown as { state: EngineState }).state;
  const seen: { record: KernelRecord; layer: string; end: number }[] = [];
  const begin = performance.now();
  await tf.profile(async () => {
    // TF.js keeps neither the scope nor the time of a kernel: they are looked up at the moment it writes the kernel down.
    state.activeProfile.kernels = new (class extends Array<KernelRecord> {
      override push(record: KernelRecord): number {
        seen.push({ record, layer: moduleScope() ?? '', end: performance.now() - begin });
        return super.push(record);
      }
    })();
    await run();
    return [];
  });
  const timed = await Promise.all(
    seen.map(async ({ record, layer, end }): Promise<Timed> => {
      const time = await record.kernelTimeMs;
      if (typeof time !== 'number')
        throw new Error(`the ${tf.getBackend()} backend cannot time ${record.name}: ${time.error}`);
      return { name: record.name, layer, start: end - time, end };
    }),
  );
  return withoutNested(timed);
}

/** Kernels that call others are written down after them: what those took is not theirs. */
function withoutNested(kernels: readonly Timed[]): OperationTime[] {
  const done: (Timed & { inner: number })[] = [];
  for (const kernel of kernels) {
    let inner = 0;
    for (let i = done.length - 1; i >= 0 && done[i]!.start >= kernel.start; i--) {
      const { start, end, inner: own } = done[i]!;
      inner += end - start - own;
    }
    done.push({ ...kernel, inner });
  }
  return done
    .map(({ name, layer, start, end, inner }) => ({
      operation: name,
      layer,
      thread: 0,
      start: 1000 * start,
      duration: 1000 * Math.max(0, end - start - inner),
    }))
    .sort((a, b) => a.start - b.start);
}
