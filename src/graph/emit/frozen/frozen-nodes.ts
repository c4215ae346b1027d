import { typeOf, type Graph, type GraphNode, type TensorType } from '../../graph.js';
import type { Op } from '../../ops.js';
import { LOWER } from '../../tensorflow/lower/index.js';
import type { Lower } from '../../tensorflow/lower/lowering.js';
import { NodeBuilder } from '../../tensorflow/node-builder.js';
import type { NodeDef } from '../../tensorflow/node-def.js';
import { unsupported } from '../emit-error.js';
import { hostValueOf, type Weights } from '../host-tensors.js';
import { FrozenConvolution, type ConvolutionStyle } from './convolution.js';

/** A place where a value goes in or comes out. */
export interface Port {
  /** The node whose first output it is. */
  readonly node: string;
  readonly type: TensorType;
}

/** A graph of TensorFlow nodes that needs nothing but its inputs. */
export interface FrozenNodes {
  readonly nodes: readonly NodeDef[];
  readonly inputs: ReadonlyMap<string, Port>;
  readonly outputs: ReadonlyMap<string, Port>;
}

export interface FrozenOptions {
  readonly weights: Weights;
  /** `stock`: TensorFlow's public operations. `tfjs`: those of TF.js, which fuse bias and activation. */
  readonly convolutions: ConvolutionStyle;
  /** What is written, for errors. */
  readonly target: string;
}

/** Operations that are written for training only. */
const TRAINING: readonly string[] = ['AdamW', 'AdaptiveClip', 'BatchNormTraining', 'Lerp'];

/**
 * A graph as stock TensorFlow operations, its weights constants under their checkpoint names.
 *
 * @throws UserError naming the operation and the module for what only training uses
 */
export function frozenNodes(graph: Graph, { weights, convolutions, target }: FrozenOptions): FrozenNodes {
  const to = new NodeBuilder();
  const names = new Map<GraphNode, readonly string[]>();
  const inputs = new Map<string, Port>();
  const convolution = new FrozenConvolution(to, weights, convolutions, target);
  for (const node of graph.nodes) {
    to.scope = node.scope;
    const inputNames = (): string[] => node.inputs.map((ref) => names.get(ref.node)![ref.output]!);
    switch (node.op) {
      case 'Input': {
        const [type] = node.outputs as [TensorType];
        const attrs = { dtype: { type: type.dtype }, shape: { shape: type.shape } };
        const name = to.add('Placeholder', [], attrs, node.attrs.name);
        inputs.set(node.attrs.name, { node: name, type });
        names.set(node, [name]);
        break;
      }
      case 'Variable': {
        const value = hostValueOf({ node, output: 0 }, weights)!;
        const attrs = { dtype: { type: value.dtype }, value: { tensor: value } };
        names.set(node, [to.add('Const', [], attrs, node.attrs.name)]);
        break;
      }
      case 'Const':
        names.set(node, [to.constant(node.attrs.value)]);
        break;
      case 'Conv2d':
        names.set(node, [convolution.write(node, inputNames())]);
        break;
      default: {
        if (TRAINING.includes(node.op) || node.op.endsWith('Grad')) throw unsupported(node, target);
        const lower = LOWER[node.op as keyof typeof LOWER] as Lower<Op>;
        names.set(node, lower(node, inputNames(), to, {}));
      }
    }
  }
  to.scope = '';
  const outputs = new Map(
    [...graph.outputs].map(([name, ref]): [string, Port] => {
      const type = typeOf(ref);
      const result = to.add(
        'Identity',
        [names.get(ref.node)![ref.output]!],
        { T: { type: type.dtype } },
        name,
      );
      return [name, { node: result, type }];
    }),
  );
  return { nodes: withoutUnused(to.nodes), inputs, outputs };
}

/** Leaves out weights that are written in another form. */
function withoutUnused(nodes: readonly NodeDef[]): NodeDef[] {
  const used = new Set(nodes.flatMap(({ inputs }) => inputs.map((input) => input.split(':')[0]!)));
  return nodes.filter(({ op, name }) => op !== 'Const' || used.has(name));
}
