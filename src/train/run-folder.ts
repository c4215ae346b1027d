import { existsSync, readdirSync } from 'node:fs';
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeSafetensors } from '../convert/files.js';
import { UserError } from '../errors.js';
import type { StateDict } from '../models/state-dict.js';
import { writeFileAtomic } from '../runtime/files.js';
import { WEIGHTS } from './checkpoint.js';
import type { RunProgress } from './progress.js';
import { takeLock } from './run-lock.js';
import { removeTemporaries } from '../runtime/write-folder.js';

const CONFIG = 'config.yaml';
const LOG = 'log.txt';
const LEFT_OUT = 'left-out.jsonl';
const CHECKPOINTS = 'checkpoints';

/** A checkpoint after whole epochs, or inside one. Sorts by age. */
const CHECKPOINT_NAME = /^epoch-\d{4,}(-step-\d{6,})?$/;

/**
 * The folder of a run, locked while it is open:
 *
 *     config.yaml                      the whole configuration
 *     log.txt                          one JSON object an epoch
 *     left-out.jsonl                   broken shards and images that the run goes on without, if there are any
 *     checkpoints/epoch-0012/          after 12 epochs; the last ones are kept
 *     checkpoints/epoch-0012-step-…/   stopped inside an epoch
 *     best/, best-ema/                 best weights by validation top-1
 *     per-class.json                   how each class does with them
 *     tensorboard/                     events to watch
 */
export class RunFolder {
  private constructor(
    readonly path: string,
    private readonly release: () => void,
  ) {}

  /** Throws UserError when there is a run in the folder already. */
  static refuseUsed(path: string): void {
    if (!existsSync(join(path, CONFIG))) return;
    throw new UserError(
      `${path} already holds a run: go on with it by --resume ${path}, or choose another folder with -o.`,
    );
  }

  /** Makes the folder of a new run; refuses one that holds a run. */
  static async create(path: string, config: string, notice: (line: string) => void): Promise<RunFolder> {
    await explain(path, () => mkdir(join(path, CHECKPOINTS), { recursive: true }));
    const release = await explain(path, () => takeLock(join(path, 'run.lock'), notice));
    try {
      RunFolder.refuseUsed(path);
      await writeFileAtomic(join(path, CONFIG), config);
    } catch (error) {
      release();
      throw error;
    }
    return new RunFolder(path, release);
  }

  /** Opens the folder of an earlier run. */
  static async open(path: string, notice: (line: string) => void): Promise<RunFolder> {
    if (!existsSync(join(path, CONFIG)))
      throw new UserError(
        `${path}: no run to resume (it has no ${CONFIG}). Give the folder that was -o of the run.`,
      );
    return explain(path, async () => {
      await mkdir(join(path, CHECKPOINTS), { recursive: true });
      const release = takeLock(join(path, 'run.lock'), notice);
      await removeTemporaries(join(path, CHECKPOINTS));
      return new RunFolder(path, release);
    });
  }

  static configFile(path: string): string {
    return join(path, CONFIG);
  }

  /** Run folder and checkpoint of what `--resume` was given: a run folder (its last checkpoint) or one of its checkpoints. */
  static resolve(path: string): { folder: string; checkpoint: string | undefined } {
    const isCheckpoint = CHECKPOINT_NAME.test(basename(path)) && existsSync(join(path, 'state.json'));
    const folder = isCheckpoint ? dirname(dirname(path)) : path;
    const last = checkpointsOf(folder).at(-1);
    if (isCheckpoint && basename(path) !== last)
      throw new UserError(
        `${path}: the run has gone on to ${last}. Resume ${folder}, or start a new run from these weights with --finetune.`,
      );
    return { folder, checkpoint: last && join(folder, CHECKPOINTS, last) };
  }

  close(): void {
    this.release();
  }

  /** Where the checkpoint of `progress` belongs. */
  checkpointPath({ epoch, step }: RunProgress): string {
    const inside = step === 0 ? '' : `-step-${String(step).padStart(6, '0')}`;
    return join(this.path, CHECKPOINTS, `epoch-${String(epoch).padStart(4, '0')}${inside}`);
  }

  lastCheckpoint(): string | undefined {
    const last = checkpointsOf(this.path).at(-1);
    return last && join(this.path, CHECKPOINTS, last);
  }

  /** Replaces the best weights so far of the model itself (`best/`) or of its moving average (`best-ema/`). */
  async saveBest(
    kind: 'raw' | 'ema',
    weights: StateDict,
    files: Readonly<Record<string, string>>,
  ): Promise<void> {
    const name = kind === 'raw' ? 'best' : 'best-ema';
    await mkdir(join(this.path, name), { recursive: true });
    for (const [file, text] of Object.entries(files))
      await writeFileAtomic(join(this.path, name, file), text);
    await writeSafetensors(join(this.path, name, 'model.safetensors'), weights, WEIGHTS);
  }

  /** Removes all but the last `kept` checkpoints. */
  async prune(kept: number): Promise<void> {
    for (const name of checkpointsOf(this.path).slice(0, -kept))
      await rm(join(this.path, CHECKPOINTS, name), { recursive: true, force: true });
  }

  get leftOutFile(): string {
    return join(this.path, LEFT_OUT);
  }

  /** Adds a line to log.txt. */
  async log(line: object): Promise<void> {
    await appendFile(join(this.path, LOG), JSON.stringify(line) + '\n', { flush: true });
  }

  /** Drops lines of epochs from `epoch` on, which a resumed run will do again. */
  async trimLog(epoch: number): Promise<void> {
    const path = join(this.path, LOG);
    if (!existsSync(path)) return;
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => {
      try {
        return (JSON.parse(line) as { epoch: number }).epoch < epoch;
      } catch {
        return false; // cut off by a crash, or the empty end
      }
    });
    await writeFileAtomic(path, lines.map((line) => line + '\n').join(''));
  }

  /** Runs something that writes into the folder; when that fails, the message also says what is safe. */
  async writing<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await explain(this.path, write);
    } catch (error) {
      const last = this.lastCheckpoint();
      if (!(error instanceof UserError) || last === undefined) throw error;
      throw new UserError(
        `${error.message} The checkpoint ${last} is whole: go on with --resume ${this.path}.`,
        {
          cause: error,
        },
      );
    }
  }
}

function checkpointsOf(folder: string): string[] {
  const path = join(folder, CHECKPOINTS);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => CHECKPOINT_NAME.test(name))
    .sort(byProgress);
}

/** By epoch, then by step: as text epoch-10000 would come before epoch-9999. */
function byProgress(a: string, b: string): number {
  const [epochA = 0, stepA = 0] = a.match(/\d+/g)!.map(Number);
  const [epochB = 0, stepB = 0] = b.match(/\d+/g)!.map(Number);
  return epochA - epochB || stepA - stepB;
}

/** What the file system refuses, as one line. */
async function explain<T>(path: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof UserError || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new UserError(`${path}: cannot be written (${(error as Error).message}).`, { cause: error });
  }
}
