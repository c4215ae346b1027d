import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { shapeOf } from '../../src/graph/graph.js';
import { forwardGraph } from '../../src/graph/forward-graph.js';
import { trace } from '../../src/graph/trace/trace.js';
import { buildModel, listModels } from '../../src/models/index.js';
import { selectBackend } from '../../src/runtime/backend.js';

const scalar = { dtype: 'float32', shape: [] } as const;

describe('the tracer', () => {
  beforeAll(async () => void (await selectBackend('cpu')));

  it('records gradients and updates, computes nothing and leaves the variables as they were', () => {
    const variable = tf.variable(tf.tensor1d([1, 2, 3]));
    const before = tf.memory().numTensors;
    const graph = trace({
      variables: new Map([['w', variable]]),
      body: (input) => {
        const rate = input('rate', scalar);
        const { value, grads } = tf.variableGrads(() => tf.sum(tf.square(variable)) as tf.Scalar, [variable]);
        variable.assign(variable.sub(grads[variable.name]!.mul(rate)));
        return { loss: value };
      },
    });
    expect(tf.memory().numTensors).toBe(before);
    expect([...variable.dataSync()]).toEqual([1, 2, 3]);
    expect([...graph.updates.keys()]).toEqual(['w']);
    expect(graph.updates.get('w')!.node.op).toBe('Sub');
    expect(graph.outputs.get('loss')!.node.op).toBe('Sum');
    expect(tf.getBackend()).toBe('cpu');
    variable.dispose();
  });

  it('tells variables apart that were made of one another', () => {
    const live = tf.variable(tf.tensor1d([1]));
    const average = tf.variable(live, false);
    const graph = trace({
      variables: new Map([
        ['live', live],
        ['average', average],
      ]),
      body: () => ({ difference: tf.sub(live, average) }),
    });
    const names = graph.outputs.get('difference')!.node.inputs.map(({ node }) => node.attrs);
    expect(names).toEqual([{ name: 'live' }, { name: 'average' }]);
    tf.dispose([live, average]);
  });

  it('keeps numbers of other tensors as constants', () => {
    const made = tf.tensor1d([5, 6]);
    const graph = trace({
      variables: new Map(),
      body: (input) => ({ y: input('x', scalar).add(made) }),
    });
    const [, constant] = graph.outputs.get('y')!.node.inputs;
    expect(constant!.node).toMatchObject({ op: 'Const', attrs: { value: { data: Float32Array.of(5, 6) } } });
    made.dispose();
  });

  it('says which module reads a value, and of what', () => {
    const body = (input: (name: string, type: typeof scalar) => tf.Tensor) => ({
      y: tf.tidy('stages.0', () =>
        input('x', scalar).exp().dataSync()[0]! > 1 ? tf.scalar(1) : tf.scalar(2),
      ),
    });
    expect(() => trace({ variables: new Map(), body: body as never })).toThrow(
      /module "stages\.0" reads the value of the output of Exp \(shape \[\]\) while it is being traced/,
    );
    expect(tf.getBackend()).toBe('cpu');
  });

  it('says which module uses a kernel that cannot be compiled', () => {
    const body = (input: (name: string, type: typeof scalar) => tf.Tensor) => ({
      y: tf.tidy('head', () => tf.sin(input('x', scalar))),
    });
    expect(() => trace({ variables: new Map(), body: body as never })).toThrow(
      /module "head" uses the TF\.js kernel Sin, which can't be compiled/,
    );
  });

  it('refuses changes of variables that are not part of the state', () => {
    const other = tf.variable(tf.scalar(1), true, 'a-stranger');
    expect(() =>
      trace({
        variables: new Map(),
        body: () => {
          other.assign(tf.scalar(2));
          return {};
        },
      }),
    ).toThrow(/changes the variable "a-stranger"/);
    expect(other.dataSync()[0]).toBe(1);
    other.dispose();
  });

  it.each(listModels())('gives %s for any batch, every node in its module', (name) => {
    const model = buildModel(name, { numClasses: 7, seed: 0 });
    const graph = forwardGraph(model, { height: 64, width: 96 });
    expect(shapeOf(graph.outputs.get('logits')!)).toEqual([-1, 7]);
    const homeless = graph.nodes.filter(
      ({ op, scope }) => scope === '' && !['Input', 'Variable', 'Const'].includes(op),
    );
    expect(homeless).toEqual([]);
    model.dispose();
  });
});
