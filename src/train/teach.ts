import { setImmediate } from 'node:timers/promises';
import { createMixing, type Mixing } from '../data/index.js';
import { UsageError } from '../errors.js';
import type { RunConfig } from './config.js';
import { flagLayer, mergeConfig, type ConfigLayer } from './load-config.js';
import { fetching, studentOf, type PrepareHooks } from './prepare.js';
import { entryBytes } from './teacher/cache/entry.js';
import { readManifest } from './teacher/cache/manifest.js';
import { entryFormat, openCache, type CachedRun } from './teacher/cache/open-cache.js';
import type { TeacherCache } from './teacher/cache/teacher-cache.js';
import type { OpenTeacher } from './teacher/open-teacher.js';
import { check, liveTeacher } from './teacher/teacher-of-run.js';
import { createLoaders, openTraining } from './train-data.js';

export interface TeachHooks extends PrepareHooks {
  /** The teacher is about to be asked; images of the cache that are there, of all that will be. */
  onStart?(images: number, of: number): void;
  onProgress?(images: number, of: number): void;
}

export interface TeachResult {
  /** Images of the cache that a run of these epochs needs, and those that are there. */
  readonly entries: number;
  readonly present: number;
  /** Of the files that are there. */
  readonly bytes: number;
  readonly dir: string;
  /** Ended by the signal; the same again goes on. */
  readonly stopped: boolean;
}

/** What `teach` would do. */
export interface TeachPlan {
  readonly entries: number;
  readonly present: number;
  /** Of the whole cache. */
  readonly bytes: number;
  readonly dir: string;
  /** Measured on a few batches; undefined where nothing is missing. */
  readonly imagesPerSecond?: number;
  readonly seconds?: number;
}

/** Batches that a plan measures, after one that warms up. */
const MEASURED = 3;

/** A run as far as its teacher sees it. */
interface Lesson {
  readonly folder: string;
  readonly run: CachedRun;
  readonly teacher: OpenTeacher;
  readonly mix: Mixing;
}

/**
 * Asks a teacher about every batch of a run, mixed and augmented as the run will have it, and keeps what its loss needs. What is there already stays: stopped or
 * killed at any moment, the same again goes on.
 *
 * @param layers the options of the run; those that do not change what the teacher sees are of no matter
 */
export async function teach(layers: readonly ConfigLayer[], hooks: TeachHooks): Promise<TeachResult> {
  const { folder, run, teacher, mix } = await prepare(layers, hooks);
  const { config, loader } = run;
  let cache: TeacherCache | undefined;
  try {
    cache = await openCache(folder, run, teacher, { write: true, notice: hooks.notice });
    await check(cache, teacher, run, hooks.notice);
    const { entries, present } = await cache.size(config.epochs);
    let done = present;
    let stopped = false;
    hooks.onStart?.(done, entries);
    for (let epoch = 0; epoch < config.epochs && !stopped; epoch++) {
      const first = await cache.firstMissing({ epoch, step: 0 }, epoch + 1);
      if (first === undefined) continue;
      const stored = new Set(await cache.stored(epoch));
      let step = first.batch;
      for await (const batch of loader.epoch(epoch, step)) {
        if (!stored.has(step)) {
          mix(batch, { seed: config.seed, epoch, step });
          await cache.add(epoch, step, await teacher.logits(batch.images, batch.shape));
          hooks.onProgress?.((done += batch.shape[0]), entries);
        }
        batch.release?.();
        step++;
        // Native engines compute without giving way: let signals through.
        await setImmediate();
        stopped = hooks.signal?.aborted ?? false;
        if (stopped) break;
      }
    }
    return { entries, present: done, bytes: await cache.bytes(), dir: folder, stopped };
  } finally {
    teacher.dispose();
    await cache?.close();
  }
}

/** What `teach` would do, from a few batches. Writes nothing. */
export async function planTeaching(layers: readonly ConfigLayer[], hooks: TeachHooks): Promise<TeachPlan> {
  const { folder, run, teacher, mix } = await prepare(layers, hooks);
  const { config, loader } = run;
  try {
    const { entries, bytes, present } = await plannedSize(folder, run, teacher, hooks.notice);
    if (present === entries) return { entries, present, bytes, dir: folder };
    const seconds: number[] = [];
    let step = 0;
    let start = performance.now();
    for await (const batch of loader.epoch(0)) {
      mix(batch, { seed: config.seed, epoch: 0, step: step++ });
      await teacher.logits(batch.images, batch.shape);
      batch.release?.();
      seconds.push((performance.now() - start) / 1000);
      start = performance.now();
      if (step > MEASURED) break;
    }
    const [, ...timed] = seconds;
    const measured = timed.length > 0 ? timed : seconds;
    const perBatch = measured.reduce((sum, value) => sum + value, 0) / measured.length;
    const imagesPerSecond = config.batchSize / perBatch;
    return {
      entries,
      present,
      bytes,
      dir: folder,
      imagesPerSecond,
      seconds: (entries - present) / imagesPerSecond,
    };
  } finally {
    teacher.dispose();
  }
}

async function prepare(layers: readonly ConfigLayer[], hooks: TeachHooks): Promise<Lesson> {
  // How the student learns is of no matter here.
  const config = mergeConfig(...layers, flagLayer({ warmupEpochs: 0 }));
  const folder = config.teacherCache ?? config.outputDir;
  if (folder === undefined)
    throw new UsageError('Where to? Give the folder for what the teacher says with --teacher-cache.');
  if (config.teacherPath === undefined)
    throw new UsageError('Who teaches? Give the teacher with --teacher-path.');
  const run = await runFor(config, hooks);
  const teacher = await liveTeacher(run, { ...fetching(hooks), notice: hooks.notice, engine: hooks.engine });
  return {
    folder,
    run,
    teacher: teacher!,
    mix: createMixing({ ...config, numClasses: run.data.numClasses }),
  };
}

async function runFor(config: RunConfig, hooks: TeachHooks): Promise<CachedRun> {
  const { data } = await openTraining(config, hooks.leaveOut, fetching(hooks));
  // Only to know how it wants its images.
  const model = await studentOf(config, data.numClasses, undefined, hooks);
  const { dataConfig: student } = model;
  model.dispose();
  const { train: loader } = createLoaders(config, student, data, undefined, hooks.notice);
  return { config, data, student, loader };
}

async function plannedSize(
  folder: string,
  run: CachedRun,
  teacher: OpenTeacher,
  notice: (line: string) => void,
): Promise<{ entries: number; bytes: number; present: number }> {
  if ((await readManifest(folder)) === undefined) {
    const entries = run.config.epochs * run.loader.steps * run.config.batchSize;
    return { entries, bytes: entries * entryBytes(entryFormat(run)), present: 0 };
  }
  const cache = await openCache(folder, run, teacher, { write: false, notice });
  try {
    return await cache.size(run.config.epochs);
  } finally {
    await cache.close();
  }
}
