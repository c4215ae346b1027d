import { createMixing } from '../../data/index.js';
import type { FetchOptions } from '../../runtime/fetch/fetch-options.js';
import type { EngineOptions } from '../../runtime/engines/choose.js';
import { parseProgressive } from '../progressive.js';
import { cachedOutputs, missing } from './cache/cached-outputs.js';
import { openCache, type CachedRun } from './cache/open-cache.js';
import { readManifest } from './cache/manifest.js';
import { spotCheck } from './cache/spot-check.js';
import type { TeacherCache } from './cache/teacher-cache.js';
import { openTeacher, type OpenTeacher } from './open-teacher.js';
import { liveOutputs, type TeacherOutputs } from './outputs.js';

export interface TeacherHooks extends FetchOptions {
  readonly notice: (line: string) => void;
  /** What executes the teacher, where it can. Default: TF.js, operation by operation. */
  readonly engine?: EngineOptions;
}

export interface TeacherOfRunOptions {
  /** Where the run begins; undefined: not known. */
  readonly from: { readonly epoch: number; readonly step: number } | undefined;
  /** Write nothing. */
  readonly dry: boolean;
}

/**
 * Where a run has what its teacher says from: the teacher, its cache, or both.
 *
 * @returns undefined where the run does not distil
 * @throws UserError for a teacher or a cache that does not fit, or a cache that lacks something and no teacher to ask
 */
export async function teacherOfRun(
  run: CachedRun,
  options: TeacherOfRunOptions,
  hooks: TeacherHooks,
): Promise<TeacherOutputs | undefined> {
  const { teacherCache: folder, distillationType: kind = 'none' } = run.config;
  if (kind === 'none') return undefined;
  const teacher = await liveTeacher(run, hooks);
  try {
    if (folder === undefined) return liveOutputs(teacher!, kind);
    // A dry run makes no folder.
    if (teacher && options.dry && (await readManifest(folder)) === undefined)
      return liveOutputs(teacher, kind);
    const write = teacher !== undefined && !options.dry;
    const cache = await openCache(folder, run, teacher, { write, notice: hooks.notice });
    return await fromCache(cache, teacher, run, options, hooks);
  } catch (error) {
    teacher?.dispose();
    throw error;
  }
}

/** The teacher of a run's options; undefined where they name none. */
export async function liveTeacher(
  { config, data, student }: CachedRun,
  hooks: TeacherHooks,
): Promise<OpenTeacher | undefined> {
  if (config.teacherPath === undefined) return undefined;
  return openTeacher(
    config.teacherPath,
    config,
    {
      data: { count: data.numClasses, names: data.classes, source: data.source },
      student,
      inputSize: parseProgressive(config)[0]!.size,
      engine: hooks.engine,
    },
    hooks,
  );
}

async function fromCache(
  cache: TeacherCache,
  teacher: OpenTeacher | undefined,
  run: CachedRun,
  { from, dry }: TeacherOfRunOptions,
  { notice }: TeacherHooks,
): Promise<TeacherOutputs> {
  try {
    const { epochs } = run.config;
    const lacks = from && (await cache.firstMissing(from, epochs));
    if (lacks && teacher === undefined) throw missing(cache.folder, lacks.epoch, lacks.batch);
    if (teacher) await check(cache, teacher, run, notice);
    if (teacher === undefined || lacks || from === undefined)
      return cachedOutputs(cache, teacher, { keep: !dry });
    // Nothing to ask it: its memory is better used.
    teacher.dispose();
    return cachedOutputs(cache, undefined);
  } catch (error) {
    await cache.close();
    throw error;
  }
}

/** Compares as many batches with the teacher as the run asks for. */
export async function check(
  cache: TeacherCache,
  teacher: OpenTeacher,
  { config, data, loader }: CachedRun,
  notice: (line: string) => void,
): Promise<void> {
  const { teacherCacheCheck: count = 0, seed, epochs } = config;
  if (count === 0) return;
  const mix = createMixing({ ...config, numClasses: data.numClasses });
  const images = await spotCheck(cache, teacher, loader, mix, { seed, epochs, count });
  notice(
    images === 0
      ? `teacher cache ${cache.folder}: nothing there to compare yet.`
      : `teacher cache ${cache.folder}: ${images} images compared with the teacher, all as it says.`,
  );
}
