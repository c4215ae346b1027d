import { UsageError } from '../errors.js';

/**
 * Which stages are meant, as timm's `feature_take_indices` reads it.
 *
 * @param indices stages, counted from 0 or, negative, from the end; a number n: the last n; undefined: all
 * @throws UsageError for a stage out of range
 */
export function stageIndices(
  indices: number | readonly number[] | undefined,
  stages: number,
  model: string,
): number[] {
  const all = Array.from({ length: stages }, (_, i) => i);
  if (indices === undefined) return all;
  if (typeof indices === 'number') {
    if (Number.isInteger(indices) && indices >= 1 && indices <= stages) return all.slice(-indices);
    throw new UsageError(`${model}: the last ${indices} stages were asked for, it has ${stages}`);
  }
  return indices.map((index) => {
    const stage = index < 0 ? stages + index : index;
    if (Number.isInteger(index) && stage >= 0 && stage < stages) return stage;
    throw new UsageError(
      `${model}: there is no stage ${index}; stages go from 0 to ${stages - 1}, or -${stages} to -1`,
    );
  });
}
