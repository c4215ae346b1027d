import { UserError } from '../../../errors.js';
import type { Teacher, TeacherOutputs } from '../outputs.js';
import { decodeEntries, encodeEntries } from './entry.js';
import type { TeacherCache } from './teacher-cache.js';

/**
 * What is kept of a teacher; what is missing is asked of the teacher and kept. All become the outputs' own.
 *
 * @param teacher undefined: everything is there
 * @param keep whether to write what the teacher says
 */
export function cachedOutputs(
  cache: TeacherCache,
  teacher: Teacher | undefined,
  { keep = true }: { keep?: boolean } = {},
): TeacherOutputs {
  return {
    async of({ images, shape, at: { epoch, step } }) {
      const kept = await cache.read(epoch, step);
      if (kept !== undefined) return kept;
      if (teacher === undefined) throw missing(cache.folder, epoch, step);
      const logits = await teacher.logits(images, shape);
      return keep
        ? cache.add(epoch, step, logits)
        : decodeEntries(encodeEntries(logits, cache.format), cache.format);
    },
    async dispose() {
      teacher?.dispose();
      await cache.close();
    },
  };
}

export function missing(folder: string, epoch: number, batch: number): UserError {
  return new UserError(
    `${folder}: the teacher cache has nothing of epoch ${epoch}, batch ${batch}: ` +
      `give the teacher with --teacher-path, fill the cache with \`recnext teach\`, or train for fewer --epochs.`,
  );
}
