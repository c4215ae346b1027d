import { Worker } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import { compiledScript } from '../../runtime/compiled-script.js';
import type { RgbImage } from '../rgb-image.js';
import type { TransformDescription } from '../transform-description.js';
import { AT_A_TIME, type FromWorker, type SampleTask, type ToWorker } from './protocol.js';

/** The batch was left before this sample was worked on. */
export class LeftError extends Error {}

interface Waiting {
  readonly name: string;
  resolve(pixels: RgbImage | undefined): void;
  reject(error: Error): void;
}

interface Member {
  readonly worker: Worker;
  /** What it was given and has not done, in the order it was given. */
  readonly waiting: Map<number, Waiting>;
}

/** Threads that decode and transform. Each sample goes to the one that has least to do. They keep the process alive only while they work. */
export class WorkerPool {
  readonly #members: Member[];
  readonly #transforms: TransformDescription[] = [];
  #lastBatch = 0;
  #lastSample = 0;
  #failure: Error | undefined;

  constructor(size: number) {
    const script = compiledScript('worker.js', import.meta.url);
    this.#members = Array.from({ length: size }, () => this.#start(script));
  }

  /** Whether a thread ended that should not have: the pool is of no use any more. */
  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /** The number under which the workers know a transform. */
  addTransform(description: TransformDescription): number {
    const known = this.#transforms.indexOf(description);
    if (known !== -1) return known;
    const id = this.#transforms.push(description) - 1;
    this.#tell({ kind: 'transform', id, description });
    return id;
  }

  /**
   * Memory that samples will be written to.
   * @param left set to 1 when its samples are not wanted any more
   */
  openBatch(images: Float32Array, left: Int32Array): number {
    const id = this.#lastBatch++;
    this.#tell({ kind: 'batch', id, images, left });
    return id;
  }

  closeBatch(id: number): void {
    this.#tell({ kind: 'end', id });
  }

  /**
   * Has a sample written into its batch.
   *
   * @returns its pixels, where the task asks for them
   * @throws UserError for a file that is no good, or naming the sample when the thread ended over it; LeftError
   */
  write(task: SampleTask): Promise<RgbImage | undefined> {
    if (this.#failure) return Promise.reject(this.#failure);
    const member = this.#members.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
    const id = this.#lastSample++;
    return new Promise((resolve, reject) => {
      if (member.waiting.size === 0) member.worker.ref();
      member.waiting.set(id, { name: task.name, resolve, reject });
      member.worker.postMessage({ kind: 'sample', id, ...task } satisfies ToWorker);
    });
  }

  async close(): Promise<void> {
    this.#failure ??= new Error('the worker threads of the loader were ended');
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
  }

  #tell(message: ToWorker): void {
    for (const { worker } of this.#members) worker.postMessage(message);
  }

  #start(script: string): Member {
    // Without the flags of the parent, which may be those of a test runner.
    const worker = new Worker(script, { execArgv: [], name: 'recnext-loader' });
    worker.unref();
    const member: Member = { worker, waiting: new Map() };
    worker.on('message', (message: FromWorker) => settle(member, message));
    worker.on('error', (error: unknown) =>
      this.#ended(member, error instanceof Error ? error.message : String(error)),
    );
    worker.on('exit', (code) => this.#ended(member, `exit code ${code}`));
    return member;
  }

  /** A thread is gone: what it had to do fails, and the pool with it. */
  #ended(member: Member, reason: string): void {
    // It worked on the first ones, in the order in which they came.
    const names = [...member.waiting.values()].slice(0, AT_A_TIME).map(({ name }) => name);
    const at = names.length === 0 ? 'while it had nothing to do' : `while it decoded ${names.join(' or ')}`;
    this.#failure ??= new UserError(
      `a worker thread of the loader ended ${at} (${reason}): look at that file, or use --workers 0.`,
    );
    const waiting = [...member.waiting.values()];
    member.waiting.clear();
    for (const { reject } of waiting) reject(this.#failure);
  }
}

function settle({ worker, waiting }: Member, message: FromWorker): void {
  const sample = waiting.get(message.id);
  if (sample === undefined) return;
  waiting.delete(message.id);
  if (waiting.size === 0) worker.unref();
  switch (message.kind) {
    case 'done':
      return sample.resolve(message.pixels);
    case 'refused':
      return sample.reject(new UserError(message.message));
    case 'failed':
      return sample.reject(new Error(`${sample.name}: ${message.stack}`));
    case 'left':
      return sample.reject(new LeftError());
  }
}

const pools = new Map<number, WorkerPool>();

/** The process's threads: loaders of the same number of workers share them. */
export function sharedPool(size: number): WorkerPool {
  const known = pools.get(size);
  if (known !== undefined && !known.isBroken) return known;
  const pool = new WorkerPool(size);
  pools.set(size, pool);
  return pool;
}

/** Ends the worker threads of all loaders. A process that just ends need not call it: idle threads do not hold it. */
export async function closeWorkers(): Promise<void> {
  const all = [...pools.values()];
  pools.clear();
  await Promise.all(all.map((pool) => pool.close()));
}
