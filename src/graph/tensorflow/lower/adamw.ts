import type { GraphNode } from '../../graph.js';
import type { NodeBuilder } from '../node-builder.js';
import { FLOAT } from '../node-def.js';

/** How an optimizer step is applied to variables where they are. */
export interface ApplyOptions {
  /** Handles of parameter, mean and square. */
  readonly handles: readonly string[];
  /** Node that must have run before. */
  readonly after?: string;
}

/**
 * Writes an AdamW step: on the variables themselves (`apply`) by TensorFlow's own Adam, which is AdamW once the decay is done before it; else as a composition.
 *
 * @returns names of the outputs, and the node that applies the update
 */
export function lowerAdamW(
  node: Extract<GraphNode, { op: 'AdamW' }>,
  inputs: readonly string[],
  to: NodeBuilder,
  apply: ApplyOptions | undefined,
): { outputs: string[]; applied?: string } {
  const [parameter, mean, square, gradient, keep, rate, eps] = inputs as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const { beta1, beta2, decay } = node.attrs;
  if (apply === undefined) return { outputs: compose() };

  const [parameterHandle, meanHandle, squareHandle] = apply.handles as [string, string, string];
  const controls = apply.after === undefined ? [] : [`^${apply.after}`];
  if (decay) {
    const kept = to.op('Mul', [parameter, keep]);
    controls.push(`^${to.add('AssignVariableOp', [parameterHandle, kept, ...controls], { dtype: FLOAT })}`);
  }
  // No bias correction (powers of 0): rate and eps carry it.
  const none = to.scalar(0);
  const applied = to.add(
    'ResourceApplyAdam',
    [
      parameterHandle,
      meanHandle,
      squareHandle,
      none,
      none,
      rate,
      to.scalar(beta1),
      to.scalar(beta2),
      eps,
      gradient,
      ...controls,
    ],
    { T: FLOAT, use_locking: { bool: false }, use_nesterov: { bool: false } },
  );
  const outputs = apply.handles.map((handle) =>
    to.add('ReadVariableOp', [handle, `^${applied}`], { dtype: FLOAT }),
  );
  return { outputs, applied };

  function compose(): string[] {
    const moved = (from: string, towards: string, beta: number): string =>
      to.op('AddV2', [from, to.op('Mul', [to.op('Sub', [towards, from]), to.scalar(1 - beta)])]);
    const newMean = moved(mean, gradient, beta1);
    const newSquare = moved(square, to.op('Square', [gradient]), beta2);
    const root = to.op('AddV2', [to.op('Sqrt', [newSquare]), eps]);
    const change = to.op('Mul', [to.op('RealDiv', [newMean, root]), rate]);
    const kept = decay ? to.op('Mul', [parameter, keep]) : parameter;
    return [to.op('Sub', [kept, change]), newMean, newSquare];
  }
}
