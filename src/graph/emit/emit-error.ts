import { UserError } from '../../errors.js';
import type { GraphNode } from '../graph.js';

/** An operation that the target cannot express. */
export function unsupported(node: GraphNode, target: string, why = 'has no such operation here'): UserError {
  const where = node.scope === '' ? 'outside of every module' : `in module "${node.scope}"`;
  return new UserError(
    `${target}: ${node.op} ${where} cannot be written: ${target} ${why}. Choose another form (--to layers keeps every operation).`,
  );
}
