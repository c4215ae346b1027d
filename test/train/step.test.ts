import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { AdamW } from '../../src/train/adamw.js';
import { ModelEma } from '../../src/train/ema.js';
import { smoothedTargets } from '../../src/train/losses.js';
import { lossAndGradients, trainingStep, type StepParts } from '../../src/train/step.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { syntheticSource } from './helpers/synthetic-source.js';
import { TinyModel } from './helpers/tiny-model.js';

// Not on wasm: it lacks the gradient kernels of convolutions, which the models bring along.
describeBackends(['cpu', 'node'], 'training step', () => {
  const adamw = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.025 } as const;

  const firstBatch = async () => {
    for await (const batch of syntheticSource().epoch(0)) {
      return {
        images: tf.tensor4d(batch.images, [...batch.shape]),
        targets: tf.tidy(() => smoothedTargets(tf.tensor1d(batch.labels, 'int32'), 4, 0.1)),
        teacher: tf.tensor1d([0, 1, 2, 3, 1, 0, 2, 3], 'int32'),
        context: {},
      };
    }
    throw new Error('no batch');
  };

  const distilled = (): StepParts => {
    const model = new TinyModel({ distillation: true });
    return {
      model,
      optimizer: new AdamW(model.parameters, adamw),
      clip: { mode: 'agc', factor: 0.02 },
      ema: new ModelEma(model, 0.9),
      distillation: { type: 'hard', alpha: 0.5, tau: 1 },
    };
  };

  const step = (parts: StepParts, input: Awaited<ReturnType<typeof firstBatch>>): number => {
    const scalars = parts.optimizer.nextScalars(1e-2);
    const output = trainingStep(parts, input, scalars);
    const value = output.loss.dataSync()[0]!;
    tf.dispose([output, { ...scalars }]);
    return value;
  };

  it('has the gradient of its loss: finite differences, distilled, running statistics aside', async () => {
    const { model, ...rest } = distilled();
    const parts = { ...rest, model };
    const input = await firstBatch();
    const frozen = { ...input, context: { freezeBatchNorm: true } };
    const { grads } = lossAndGradients(parts, frozen);
    const lossAt = () => {
      const { output, grads: unused } = lossAndGradients(parts, frozen);
      const loss = output.loss.dataSync()[0]!;
      tf.dispose([output, unused]);
      return loss;
    };
    expect(Object.keys(grads)).toEqual([...model.parameters.keys()]);
    for (const [name, variable] of model.parameters) {
      // Along the gradient itself the loss changes by |g|² per unit.
      const gradient = grads[name]!;
      const squared = gradient.square().sum().dataSync()[0]!;
      const start = variable.clone();
      const h = 1e-2 / Math.sqrt(squared);
      const moved = [h, -h].map((by) => {
        tf.tidy(() => variable.assign(start.add(gradient.mul(by))));
        return lossAt();
      });
      variable.assign(start);
      expect((moved[0]! - moved[1]!) / (2 * h) / squared, name).toBeCloseTo(1, 2);
    }
  });

  it('lowers the loss, moves the average slowly', async () => {
    const parts = distilled();
    const input = await firstBatch();
    const start = parts.model.stateDict();
    const losses = Array.from({ length: 15 }, () => step(parts, input));
    expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.9);
    const own = parts.model.stateDict();
    const average = await parts.ema!.withAverage(() => Promise.resolve(parts.model.stateDict()));
    expect(parts.model.stateDict()).toEqual(own);
    for (const name of ['stem.weight', 'norm.running_mean']) {
      const [from, to, mean] = [start, own, average].map((state) => state.get(name)!.data[0] as number);
      expect(Math.abs(mean! - from!), name).toBeGreaterThan(0);
      expect(mean, name).not.toBe(to);
    }
  });

  it('the average follows e = d e + (1 - d) p over weights and running statistics', async () => {
    const parts = distilled();
    const input = await firstBatch();
    const expected = new Map(
      [...parts.model.stateDict()].map(([name, { data }]) => [name, Array.from(data, Number)]),
    );
    for (let i = 0; i < 5; i++) {
      step(parts, input);
      for (const [name, { data }] of parts.model.stateDict())
        expected.set(
          name,
          expected.get(name)!.map((e, j) => 0.9 * e + 0.1 * Number(data[j])),
        );
    }
    await parts.ema!.withAverage(async () => {
      for (const [name, { data }] of parts.model.stateDict())
        expected.get(name)!.forEach((e, j) => expect(Number(data[j]), name).toBeCloseTo(e, 6));
    });
  });

  it('leaves the number of tensors as it was', async () => {
    const parts = distilled();
    const input = await firstBatch();
    step(parts, input);
    for (let i = 0; i < 3; i++) expect(await leaked(() => void step(parts, input))).toBe(0);
  });

  it('leaves a parameter that the loss does not reach as it is', async () => {
    const parts = { ...distilled(), distillation: undefined };
    const unreached = parts.model.parameters.get('head.head_dist.linear.weight')!;
    const before = unreached.dataSync().slice();
    step(parts, await firstBatch());
    expect(unreached.dataSync()).toEqual(before);
  });
});
