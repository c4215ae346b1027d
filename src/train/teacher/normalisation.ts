import { UsageError } from '../../errors.js';
import { IMAGENET_MEAN, IMAGENET_STD } from '../../models/data-config.js';
import type { RunConfig } from '../config.js';
import type { NormalisationName } from './names.js';
import type { Normalisation } from './teacher-model.js';

const all = (value: number): number[] => [value, value, value];

const NAMED: Readonly<Record<Exclude<NormalisationName, 'none'>, Normalisation>> = {
  imagenet: { mean: IMAGENET_MEAN, std: IMAGENET_STD },
  inception: { mean: all(0.5), std: all(0.5) },
  '0-1': { mean: all(0), std: all(1) },
  '0-255': { mean: all(0), std: all(1 / 255) },
};

/**
 * What `--teacher-norm` or `--teacher-mean` and `--teacher-std` say; `none`: the teacher gets the images as the student does.
 *
 * @returns undefined where they say nothing
 * @throws UsageError for half of it, or both
 */
export function givenNormalisation(
  {
    teacherNorm,
    teacherMean: mean,
    teacherStd: std,
  }: Pick<RunConfig, 'teacherNorm' | 'teacherMean' | 'teacherStd'>,
  student: Normalisation,
): Normalisation | undefined {
  if (teacherNorm !== undefined && (mean ?? std) !== undefined)
    throw new UsageError(
      `--teacher-norm ${teacherNorm} says what --teacher-mean and --teacher-std say: give one or the others.`,
    );
  if ((mean === undefined) !== (std === undefined))
    throw new UsageError(
      `--teacher-${mean === undefined ? 'std' : 'mean'} goes with --teacher-${mean === undefined ? 'mean' : 'std'}: give both.`,
    );
  if (mean !== undefined && std !== undefined) return { mean, std };
  if (teacherNorm === undefined) return undefined;
  return teacherNorm === 'none' ? student : NAMED[teacherNorm];
}

/** For people: what a file wants that says nothing. */
export const USUAL = NAMED.imagenet;
