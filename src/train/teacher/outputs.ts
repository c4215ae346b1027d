import type { ImagesShape } from '../../runtime/engines/engine.js';
import type { TeacherOutput, TrainBatch } from '../step-runner.js';

/** A teacher that is ready to run. */
export interface Teacher {
  /**
   * @param images as the student gets them: normalised for the student, mixed
   * @returns logits of the data's classes, `[batch, classes]`, row-major
   */
  logits(images: Float32Array, shape: ImagesShape): Promise<Float32Array>;
  dispose(): void;
}

/** A batch before its teacher has seen it. */
export type MixedBatch = Omit<TrainBatch, 'teacher'>;

/** Where a run has what its teacher says from: the teacher itself, or what was kept of it. */
export interface TeacherOutputs {
  of(batch: MixedBatch): Promise<TeacherOutput>;
  dispose(): Promise<void>;
}

/** What of its logits a loss needs. */
export type OutputKind = 'hard' | 'soft';

/** Asks the teacher for every batch. It becomes the outputs' own. */
export function liveOutputs(teacher: Teacher, kind: OutputKind): TeacherOutputs {
  return {
    async of({ images, shape }) {
      const logits = await teacher.logits(images, shape);
      return kind === 'soft' ? logits : largestOfRows(logits, shape[0]);
    },
    dispose() {
      teacher.dispose();
      return Promise.resolve();
    },
  };
}

/** The place of the largest of each row, of equal ones the first: the arg-max of TF.js. */
export function largestOfRows(values: Float32Array, rows: number): Int32Array {
  const length = values.length / rows;
  return Int32Array.from({ length: rows }, (_, row) => {
    let best = 0;
    for (let j = 1; j < length; j++) if (values[row * length + j]! > values[row * length + best]!) best = j;
    return best;
  });
}
