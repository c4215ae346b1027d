import type { Dataset, Loader } from '../../../data/index.js';
import type { DataConfig } from '../../../models/image-model.js';
import type { RunConfig } from '../../config.js';
import type { OpenTeacher } from '../open-teacher.js';
import type { EntryFormat } from './entry.js';
import { imagesIdentity } from './identity.js';
import { requireRoom, TeacherCache } from './teacher-cache.js';

/** The run that a cache is for. */
export interface CachedRun {
  readonly config: RunConfig;
  readonly data: Dataset;
  /** How the student wants its images. */
  readonly student: DataConfig;
  readonly loader: Loader;
}

/** What the cache of a run keeps of an image. */
export function entryFormat({
  config: { distillationType, teacherTopk, teacherCacheType },
  data: { numClasses },
}: CachedRun): EntryFormat {
  return {
    kind: distillationType === 'soft' ? 'soft' : 'hard',
    classes: numClasses,
    topk: Math.min(teacherTopk ?? numClasses, numClasses),
    type: teacherCacheType,
  };
}

/**
 * Opens the cache of a run, or makes it where there is a teacher to fill it, and says how large it is going to be.
 *
 * @throws UserError where it was made of something else, or the disk has not the room
 */
export async function openCache(
  folder: string,
  run: CachedRun,
  teacher: OpenTeacher | undefined,
  { write, notice }: { readonly write: boolean; readonly notice: (line: string) => void },
): Promise<TeacherCache> {
  const { config, data, student, loader } = run;
  const format = entryFormat(run);
  const cache = await TeacherCache.open(folder, {
    format,
    batchSize: config.batchSize,
    batches: loader.steps,
    identity: { ...(await imagesIdentity(config, data, student, format)), ...teacher?.identity },
    write,
    notice,
  });
  try {
    const { entries, bytes, present } = await cache.size(config.epochs);
    notice(describeSize(folder, { entries, bytes, present }, config.epochs));
    if (format.kind === 'soft' && format.topk < format.classes)
      notice(
        `teacher cache: ${format.topk} of ${format.classes} logits an image are kept, the others as their mean: soft losses are an approximation. Without --teacher-topk they are exact.`,
      );
    if (write) await requireRoom(folder, (bytes * (entries - present)) / entries);
    return cache;
  } catch (error) {
    await cache.close();
    throw error;
  }
}

/** A line for people. */
export function describeSize(
  folder: string,
  { entries, bytes, present }: { entries: number; bytes: number; present: number },
  epochs: number,
): string {
  const count = (value: number) => value.toLocaleString('en');
  const there = present === entries ? 'all' : present === 0 ? 'none' : count(present);
  return `teacher cache ${folder}: ${count(entries)} images in ${epochs} epoch${epochs === 1 ? '' : 's'} of ${bytes / entries} bytes each, ${byteText(bytes)}; ${there} of them there.`;
}

function byteText(bytes: number): string {
  const [unit, name] = (
    [
      [1e9, 'GB'],
      [1e6, 'MB'],
      [1e3, 'kB'],
    ] as const
  ).find(([unit]) => bytes >= unit) ?? [1, 'bytes'];
  return `${+(bytes / unit).toPrecision(3)} ${name}`;
}
