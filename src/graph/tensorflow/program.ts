import { nodesOf, type Graph, type Ref, type TensorType } from '../graph.js';
import type { HostValue } from '../host-value.js';
import { LOWER, type LowerOptions } from './lower/index.js';
import type { Lower } from './lower/lowering.js';
import { NodeBuilder } from './node-builder.js';
import { FLOAT, type NodeDef } from './node-def.js';
import { lowerAdamW, type ApplyOptions } from './lower/adamw.js';
import type { Op } from '../ops.js';

/** A place where values go in, by the node to feed. */
export interface ProgramInput {
  readonly node: string;
  readonly type: TensorType;
}

/** One of the graphs of a program, by the names to run it with. */
export interface Routine {
  readonly inputs: ReadonlyMap<string, ProgramInput>;
  /** Nodes to fetch, by the name of the result. */
  readonly outputs: ReadonlyMap<string, string>;
  /** Node to run for the updates of the variables; undefined where there are none. */
  readonly update?: string;
}

/** A variable that the routines of a program share. */
export interface ProgramVariable {
  readonly type: TensorType;
  /** Node to fetch for its value. */
  readonly read: string;
  /** Node to feed a new value to, and node to run to store it. */
  readonly feed: string;
  readonly assign: string;
}

/** Graphs written for TensorFlow, with the variables they share. */
export interface Program<R extends string = string> {
  readonly nodes: readonly NodeDef[];
  readonly routines: Readonly<Record<R, Routine>>;
  readonly variables: ReadonlyMap<string, ProgramVariable>;
}

export interface ProgramOptions extends LowerOptions {
  /** Results (scalars) that must all be finite for a routine to update anything, of those it has; */
  readonly guards?: readonly string[];
  /** but for these variables. */
  readonly isUnguarded?: (variable: string) => boolean;
}

/** Writes graphs whose variables are TensorFlow's own: state that lives in the session. */
export function writeProgram<R extends string>(
  graphs: Readonly<Record<R, Graph>>,
  options: ProgramOptions = {},
): Program<R> {
  const to = new NodeBuilder();
  const variables = new Map<string, ProgramVariable & { readonly handle: string }>();
  const variable = (name: string, type: TensorType) => {
    let known = variables.get(name);
    if (known === undefined) variables.set(name, (known = writeVariable(to, name, type)));
    return known;
  };
  const routines = {} as Record<R, Routine>;
  for (const [name, graph] of Object.entries<Graph>(graphs))
    routines[name as R] = new RoutineWriter(to, name, graph, options, variable).write();
  return { nodes: to.nodes, routines, variables };
}

/** A program of one graph whose weights are constants: it has no state. */
export function writeFrozen<R extends string>(
  name: R,
  graph: Graph,
  weights: ReadonlyMap<string, HostValue>,
  options: LowerOptions = {},
): Program<R> {
  const to = new NodeBuilder();
  const writer = new RoutineWriter(to, '', graph, options, (weight, type) => {
    const value = weights.get(weight);
    if (value === undefined) throw new Error(`there is no weight "${weight}"`);
    return { read: to.add('Const', [], { dtype: { type: type.dtype }, value: { tensor: value } }, weight) };
  });
  const routines = { [name]: writer.write() } as Record<R, Routine>;
  return { nodes: to.nodes, routines, variables: new Map() };
}

function writeVariable(
  to: NodeBuilder,
  name: string,
  type: TensorType,
): ProgramVariable & { readonly handle: string } {
  const dtype = { type: type.dtype };
  const shape = { shape: type.shape };
  const handle = to.add(
    'VarHandleOp',
    [],
    { dtype, shape, shared_name: { text: name }, container: { text: '' } },
    `${name}/variable`,
  );
  const feed = to.add('Placeholder', [], { dtype, shape }, `${name}/value`);
  return {
    type,
    handle,
    feed,
    read: to.add('ReadVariableOp', [handle], { dtype }, `${name}/read`),
    assign: to.add(
      'AssignVariableOp',
      [handle, feed],
      { dtype, validate_shape: { bool: false } },
      `${name}/assign`,
    ),
  };
}

/** A variable as a routine sees it; without a handle it can only be read. */
interface VariableNodes {
  readonly read: string;
  readonly handle?: string;
}

class RoutineWriter {
  private readonly names = new Map<number, readonly string[]>();
  private readonly inputs = new Map<string, ProgramInput>();
  /** What this routine reads variables from, by their names. */
  private readonly reads = new Map<string, string>();
  private alive: string | undefined;
  private readonly applied: string[] = [];
  /** Variables that their update has already written. */
  private readonly written = new Set<string>();

  constructor(
    private readonly to: NodeBuilder,
    private readonly prefix: string,
    private readonly graph: Graph,
    private readonly options: ProgramOptions,
    private readonly variable: (name: string, type: TensorType) => VariableNodes,
  ) {}

  write(): Routine {
    const { graph, to } = this;
    const guards = (this.options.guards ?? []).flatMap((name) => graph.outputs.get(name) ?? []);
    const lastGuard = Math.max(-1, ...guards.map(({ node }) => node.id));
    const inPlace = new Map(
      nodesOf(graph, 'AdamW').map((node) => [node.id, this.updatedInPlace(node.inputs, node.id)]),
    );
    for (const node of graph.nodes) {
      to.scope = [this.prefix, node.scope].filter((part) => part !== '').join('/');
      const inputs = node.inputs.map((ref) => this.name(ref));
      switch (node.op) {
        case 'Input': {
          const [type] = node.outputs as [TensorType];
          const { name } = node.attrs;
          const attrs = { dtype: { type: type.dtype }, shape: { shape: type.shape } };
          const placeholder = to.add(
            'Placeholder',
            [],
            attrs,
            this.prefix === '' ? name : `${this.prefix}/${name}`,
          );
          this.inputs.set(name, { node: placeholder, type });
          this.names.set(node.id, [placeholder]);
          break;
        }
        case 'Variable': {
          const { name } = node.attrs;
          const { read, handle } = this.variable(name, node.outputs[0]!);
          const own = this.ownRead(name, read, handle);
          this.reads.set(name, own);
          this.names.set(node.id, [own]);
          break;
        }
        case 'Const':
          this.names.set(node.id, [to.constant(node.attrs.value)]);
          break;
        case 'AdamW': {
          const slots = inPlace.get(node.id);
          const apply: ApplyOptions | undefined = slots && {
            handles: slots.map(({ handle }) => handle),
            after: this.alive,
          };
          const { outputs, applied } = lowerAdamW(node, inputs, to, apply);
          if (applied !== undefined) {
            this.applied.push(applied);
            slots!.forEach(({ name }) => this.written.add(name));
          }
          this.names.set(node.id, outputs);
          break;
        }
        default: {
          const lower = LOWER[node.op] as Lower<Op>;
          this.names.set(node.id, lower(node, inputs, to, this.options));
        }
      }
      if (node.id === lastGuard) this.alive = this.writeGuard(guards.map((guard) => this.name(guard)));
    }
    to.scope = this.prefix;
    const update = this.writeUpdates();
    return {
      inputs: this.inputs,
      outputs: new Map([...graph.outputs].map(([name, ref]) => [name, this.name(ref)])),
      ...(update !== undefined && { update }),
    };
  }

  private name({ node, output }: Ref): string {
    return this.names.get(node.id)![output]!;
  }

  /** Each routine reads for itself: what one run reads, another's update may change. */
  private ownRead(name: string, read: string, handle: string | undefined): string {
    if (handle === undefined || this.prefix === '') return read;
    return this.to.add('ReadVariableOp', [handle], { dtype: FLOAT }, `${this.prefix}/${name}`);
  }

  /** Parameter and moments of an optimizer step, where they are variables that the step itself updates. */
  private updatedInPlace(inputs: readonly Ref[], id: number): { name: string; handle: string }[] | undefined {
    const slots = [0, 1, 2].map((i) => {
      const { node } = inputs[i]!;
      if (node.op !== 'Variable') return undefined;
      const update = this.graph.updates.get(node.attrs.name);
      if (update === undefined || update.node.id !== id || update.output !== i) return undefined;
      const { handle } = this.variable(node.attrs.name, node.outputs[0]!);
      return handle === undefined ? undefined : { name: node.attrs.name, handle };
    });
    return slots.every((slot) => slot !== undefined) ? slots : undefined;
  }

  /** A node that is dead, and whatever must come after it with it, unless the values are finite. */
  private writeGuard(values: readonly string[]): string {
    const finite = values
      .map((value) => this.to.op('IsFinite', [value]))
      .reduce((all, one) => this.to.add('LogicalAnd', [all, one]));
    const gate = this.to.op('Switch', [values[0]!, finite]);
    return this.to.op('Identity', [`${gate}:1`]);
  }

  private writeUpdates(): string | undefined {
    const { graph, to } = this;
    for (const [name, ref] of graph.updates) {
      if (this.written.has(name)) continue;
      const { handle } = this.variable(name, ref.node.outputs[ref.output]!);
      if (handle === undefined) throw new Error(`the frozen weight "${name}" is updated`);
      const alive = this.options.isUnguarded?.(name) ? undefined : this.alive;
      const after = [this.reads.get(name), alive].flatMap((node) => (node === undefined ? [] : [`^${node}`]));
      this.applied.push(
        to.add(
          'AssignVariableOp',
          [handle, this.name(ref), ...after],
          { dtype: FLOAT },
          `${this.prefix}/update`,
        ),
      );
    }
    if (this.applied.length === 0) return undefined;
    return to.add(
      'NoOp',
      this.applied.map((node) => `^${node}`),
      {},
      `${this.prefix}/updates`,
    );
  }
}
