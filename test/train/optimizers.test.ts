import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createOptimizer } from '../../src/train/create-optimizer.js';
import type { Optimizer } from '../../src/train/optimizer.js';
import { layerScales, namePattern, parameterSettings } from '../../src/train/param-groups.js';
import { describeBackends, leaked } from '../helpers/backends.js';

type Values = Record<string, number[]>;

/** Made by PyTorch and timm in double: test/fixtures/train/make.py. */
const numbers = fixture<{
  shapes: Values;
  lrs: number[];
  weightDecay: number;
  start: Values;
  gradients: Values[];
  optimizers: Record<Name, { after: Values[]; state: Values }>;
}>('optimizers');
type Name = 'sgd' | 'lamb' | 'lion' | 'adamw';
const NAMES: Name[] = ['sgd', 'lamb', 'lion', 'adamw'];

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/train/${name}.json`, import.meta.url), 'utf8')) as T;
}

describeBackends(['cpu', 'wasm', 'node'], 'optimizers', () => {
  const { shapes, lrs, weightDecay, start, gradients } = numbers;
  const parametersOf = () =>
    new Map(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        tf.tidy(() => tf.variable(tf.tensor(start[name]!, shape, 'float32'))),
      ]),
    );
  const make = (opt: Name, parameters: ReadonlyMap<string, tf.Variable>, layerDecay?: number) =>
    createOptimizer({ opt, optEps: 1e-8, momentum: 0.9, weightDecay, layerDecay }, parameters);
  const update = (optimizer: Optimizer, step: number, lr = lrs[step]!) => {
    const tensors = Object.fromEntries(
      Object.entries(gradients[step]!).map(([name, values]) => [
        name,
        tf.tensor(values, shapes[name], 'float32'),
      ]),
    );
    const scalars = optimizer.nextScalars(lr);
    optimizer.update(tensors, scalars);
    tf.dispose([tensors, { ...scalars }]);
  };
  const close = (found: ArrayLike<number>, expected: number[], what: string) =>
    expected.forEach((value, i) =>
      expect(Math.abs(found[i]! - value), `${what}[${i}]: ${found[i]!} for ${value}`).toBeLessThan(
        2e-6 * Math.max(1, Math.abs(value)),
      ),
    );

  it.each(NAMES)('%s follows PyTorch and timm, update by update, and so does its state', (opt) => {
    const parameters = parametersOf();
    const optimizer = make(opt, parameters);
    const golden = numbers.optimizers[opt];
    golden.after.forEach((after, step) => {
      update(optimizer, step);
      for (const [name, values] of Object.entries(after))
        close(parameters.get(name)!.dataSync(), values, `${name} after ${step + 1}`);
    });
    const state = optimizer.state();
    expect([...state.keys()].sort()).toEqual(Object.keys(golden.state).sort());
    for (const [name, values] of Object.entries(golden.state))
      close(state.get(name)!.dataSync(), values, name);
  });

  it.each(NAMES)('%s goes on from a restored state bit by bit', (opt) => {
    const whole = parametersOf();
    const first = make(opt, whole);
    for (let step = 0; step < 3; step++) update(first, step);
    const copies = new Map([...whole].map(([name, variable]) => [name, tf.variable(variable)]));
    const second = make(opt, copies);
    for (const [name, variable] of second.state()) variable.assign(first.state().get(name)!);
    second.steps = first.steps;
    for (let step = 3; step < 6; step++) for (const each of [first, second]) update(each, step);
    for (const [name, variable] of whole) expect(copies.get(name)!.dataSync()).toEqual(variable.dataSync());
  });

  it.each(NAMES)('%s takes a layer at its share of the learning rate', (opt) => {
    // Every name is a layer of its own kind: `head…` is the last one, all others come before it.
    const [name, shape] = Object.entries(shapes)[0]!;
    const variable = () => tf.tidy(() => tf.variable(tf.tensor(start[name]!, shape, 'float32')));
    const both = new Map([
      ['stem.weight', variable()],
      ['head.weight', variable()],
    ]);
    const alone = new Map([['stem.weight', variable()]]);
    const layered = make(opt, both, 0.5);
    const plain = make(opt, alone);
    for (let step = 0; step < 3; step++) {
      const gradient = tf.tensor(gradients[step]![name]!, shape, 'float32');
      for (const [optimizer, lr] of [
        [layered, 0.02],
        [plain, 0.01],
      ] as const) {
        const scalars = optimizer.nextScalars(lr);
        // The head has no gradient: LAMB clips by the norm over all of them.
        optimizer.update({ 'stem.weight': gradient }, scalars);
        tf.dispose({ ...scalars });
      }
    }
    const expected = [...alone.get('stem.weight')!.dataSync()];
    expect(expected).not.toEqual(start[name]);
    close(both.get('stem.weight')!.dataSync(), expected, 'stem.weight');
  });

  it.each(NAMES)('%s leaves no tensor behind', async (opt) => {
    const parameters = parametersOf();
    const optimizer = make(opt, parameters);
    update(optimizer, 0);
    expect(await leaked(() => update(optimizer, 1))).toBe(0);
    const held = optimizer.state().size;
    expect(await leaked(() => optimizer.dispose())).toBe(-held);
  });
});

describe('parameter settings', () => {
  it.each(Object.entries(fixture<Record<string, Record<string, number>>>('layers')))(
    "layer-wise rates of %s equal timm's",
    (_, scales) => {
      const found = layerScales(Object.keys(scales), 0.8);
      for (const [name, scale] of Object.entries(scales))
        expect(found.get(name), name).toBeCloseTo(scale, 12);
    },
  );

  it('exempts patterns from weight decay', () => {
    const parameters = new Map(
      ['stem.conv.weight', 'stages.0.conv.weight', 'stages.10.conv.weight', 'head.head.linear.bias'].map(
        (name) => [name, { shape: [2, 2] }],
      ),
    );
    const settings = parameterSettings(parameters, { weightDecay: 0.1, decayExclude: ['stages.1', 'st*m'] });
    expect([...settings].map(([name, { weightDecay }]) => [name, weightDecay])).toEqual([
      ['stem.conv.weight', 0],
      ['stages.0.conv.weight', 0.1],
      ['stages.10.conv.weight', 0.1],
      ['head.head.linear.bias', 0],
    ]);
  });

  it('patterns mean a module and what is in it, or any characters where they have a star', () => {
    const matches = namePattern(['stages.1', '*.norm.weight']);
    expect(matches('stages.1')).toBe(true);
    expect(matches('stages.1.blocks.0.norm.bias')).toBe(true);
    expect(matches('stages.10.blocks.0.norm.bias')).toBe(false);
    expect(matches('stages.2.norm.weight')).toBe(true);
    expect(matches('xstages.1')).toBe(false);
    expect(namePattern([])('stem')).toBe(false);
  });
});
