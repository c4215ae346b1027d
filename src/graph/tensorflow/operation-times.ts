import type { OperationTime } from '../../runtime/engines/operation-time.js';
import type { NodeTime } from '../../runtime/tensorflow/index.js';

/** Where TensorFlow's graph optimizer puts the nodes that it makes. */
const OPTIMIZER = /^(ConstantFolding(Ctrl)?|\w*Optimizer(Stage)?|Mkl\w*)$/;

/**
 * The times of nodes that a `NodeBuilder` named, by operation and module.
 *
 * @param routines names that the builder put before those of modules
 */
export function operationTimes(nodes: readonly NodeTime[], routines: readonly string[]): OperationTime[] {
  return nodes
    .filter(({ node }) => node !== '_SOURCE' && node !== '_SINK')
    .map(({ node, label, thread, start, duration }) => ({
      operation: / = (\w+)\(/.exec(label)?.[1] ?? label,
      layer: layerOf(node, routines),
      thread,
      start,
      duration,
    }));
}

/** `step/stages.0.blocks.1.token_mixer/Conv2D_3` → `stages.0.blocks.1.token_mixer`. */
function layerOf(node: string, routines: readonly string[]): string {
  const scopes = node
    .split('/')
    .slice(0, -1)
    .filter((part) => !routines.includes(part) && !OPTIMIZER.test(part));
  return scopes[0] ?? '';
}
