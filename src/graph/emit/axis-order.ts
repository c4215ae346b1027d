/**
 * Graphs here have the channels last; other runtimes want them first. Instead of transposing around every operation, each tensor of an emitted graph keeps
 * the order in which its axes lie: `order[i]` is the axis, as the graph counts them, that lies at place i. A transposition then only relabels, and real
 * ones are left where an operation needs another order than its input has.
 */
export type AxisOrder = readonly number[];

/** Images as `[n, c, h, w]`. */
export const CHANNELS_FIRST: AxisOrder = [0, 3, 1, 2];

/** The order of the graph itself. */
export function plainOrder(rank: number): AxisOrder {
  return Array.from({ length: rank }, (_, axis) => axis);
}

export function sameOrder(a: AxisOrder, b: AxisOrder): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

/** A shape as it lies. */
export function placed(shape: readonly number[], order: AxisOrder): number[] {
  return order.map((axis) => shape[axis]!);
}

/** The permutation that a transposition from one order to another takes. */
export function permutation(from: AxisOrder, to: AxisOrder): number[] {
  return to.map((axis) => from.indexOf(axis));
}

/** Where axes lie, ascending. */
export function placesOf(order: AxisOrder, axes: readonly number[]): number[] {
  return axes.map((axis) => order.indexOf(axis)).sort((a, b) => a - b);
}

/** The order that is left when axes are removed. */
export function orderWithout(order: AxisOrder, axes: readonly number[]): AxisOrder {
  return order
    .filter((axis) => !axes.includes(axis))
    .map((axis) => axis - axes.filter((removed) => removed < axis).length);
}

/** The order after a transposition that only relabels: its axis j is axis `perm[j]` of its input. */
export function transposedOrder(order: AxisOrder, perm: readonly number[]): AxisOrder {
  return order.map((axis) => perm.indexOf(axis));
}

/** The order with the last two axes changed. */
export function swapped(order: AxisOrder): AxisOrder {
  return [...order.slice(0, -2), order.at(-1)!, order.at(-2)!];
}

/**
 * The order in which a reshaped tensor lies if its values stay where they are: every group of axes that is split or joined must lie together.
 *
 * @returns undefined where values would have to move
 */
export function reshapedOrder(
  from: readonly number[],
  to: readonly number[],
  order: AxisOrder,
): AxisOrder | undefined {
  const groups = reshapeGroups(from, to);
  if (groups === undefined) return undefined;
  const result: number[] = [];
  for (let place = 0; place < order.length;) {
    const group = groups.find(({ inputs }) => inputs[0] === order[place]);
    if (group === undefined || !group.inputs.every((axis, i) => order[place + i] === axis)) return undefined;
    result.push(...group.outputs);
    place += group.inputs.length;
  }
  return result;
}

/** Axes of a reshape that become one another, in both shapes contiguous and ascending. */
interface ReshapeGroup {
  readonly inputs: number[];
  readonly outputs: number[];
}

/** The smallest groups of axes of equal size, from the front. An open length (-1) belongs to itself only. */
function reshapeGroups(from: readonly number[], to: readonly number[]): ReshapeGroup[] | undefined {
  const groups: ReshapeGroup[] = [];
  let [i, j] = [0, 0];
  while (i < from.length && j < to.length) {
    const group: ReshapeGroup = { inputs: [i], outputs: [j] };
    let [a, b] = [from[i++]!, to[j++]!];
    if (a !== b && (a < 0 || b < 0)) return undefined;
    while (a !== b) {
      const axis = a < b ? i++ : j++;
      const length = a < b ? from[axis] : to[axis];
      if (length === undefined || length < 0) return undefined;
      if (a < b) group.inputs.push(axis);
      else group.outputs.push(axis);
      if (a < b) a *= length;
      else b *= length;
    }
    groups.push(group);
  }
  // Axes of length 1 may be left over at the end.
  const last = groups.at(-1);
  if (last === undefined) return undefined;
  while (i < from.length) last.inputs.push(i++);
  while (j < to.length) last.outputs.push(j++);
  return groups;
}
