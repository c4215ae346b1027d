import { CheckpointError } from '../../checkpoint-error.js';
import { ForeignObject, type PickleValue } from './values.js';

/** Deepest nesting of a checkpoint's objects; scripted models nest two levels a module. */
const MAX_DEPTH = 256;
/** Most values when every shared one is written out again, as printing or converting would. */
const MAX_EXPANDED = 4_000_000;

interface Frame {
  readonly node: object;
  readonly children: readonly PickleValue[];
  next: number;
  depth: number;
  size: number;
}

function childrenOf(value: PickleValue): readonly PickleValue[] | undefined {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  if (value instanceof Set) return [...value];
  if (value instanceof ForeignObject)
    return [...value.args, value.state, ...value.items, ...value.entries.keys(), ...value.entries.values()];
  return undefined;
}

/**
 * Refuses values that contain themselves, nest too deeply, or share parts so that they grow without bound when written
 * out. After this, everyone may walk the value recursively. Takes time in proportion to the pickle.
 */
export function checkTree(root: PickleValue, where: string): void {
  // 'open' while a value is being walked: meeting it again then is a cycle.
  const done = new Map<object, { depth: number; size: number } | 'open'>();
  const frames: Frame[] = [];
  let last = { depth: 0, size: 1 };

  const enter = (value: PickleValue): boolean => {
    const children = childrenOf(value);
    last = { depth: 0, size: 1 };
    if (!children) return false;
    const node = value as object;
    const known = done.get(node);
    if (known === 'open') throw new CheckpointError('corrupt', where, 'a pickled object contains itself');
    if (known) {
      last = known;
      return false;
    }
    if (frames.length >= MAX_DEPTH)
      throw new CheckpointError('limit', where, `pickled objects nested deeper than ${MAX_DEPTH} levels`);
    done.set(node, 'open');
    frames.push({ node, children, next: 0, depth: 1, size: 1 });
    return true;
  };

  enter(root);
  let frame: Frame | undefined;
  while ((frame = frames[frames.length - 1])) {
    if (frame.next < frame.children.length) {
      if (enter(frame.children[frame.next++]!)) continue;
    } else {
      frames.pop();
      last = { depth: frame.depth, size: frame.size };
      done.set(frame.node, last);
      frame = frames[frames.length - 1];
      if (!frame) return;
    }
    frame.depth = Math.max(frame.depth, last.depth + 1);
    frame.size += last.size;
    if (frame.depth > MAX_DEPTH)
      throw new CheckpointError('limit', where, `pickled objects nested deeper than ${MAX_DEPTH} levels`);
    if (frame.size > MAX_EXPANDED)
      throw new CheckpointError('limit', where, `a pickle of over ${MAX_EXPANDED} values when written out`);
  }
}
