import type { Ref } from '../../graph.js';
import type { TraceKernel } from './kernel.js';

/** What the training batch norm hands to its gradient besides the mean: TensorFlow's three reserve spaces. Only it knows what is in them. */
export const RESERVES = 3;

export const normalisationKernels: Readonly<Record<string, TraceKernel>> = {
  FusedBatchNorm: (call) => {
    const { shape } = call.type('x');
    const channel = [shape.at(-1)!];
    const filled = (name: string, value: number): Ref =>
      call.has(name)
        ? call.ref(name)
        : call.recorder.constant({
            dtype: 'float32',
            shape: channel,
            data: new Float32Array(channel[0]!).fill(value),
          });
    return call.one(
      'BatchNorm',
      { epsilon: call.attr<number | undefined>('varianceEpsilon') ?? 1e-3 },
      [call.ref('x'), call.ref('mean'), call.ref('variance'), filled('offset', 0), filled('scale', 1)],
      shape,
    );
  },
  RecNextBatchNormTraining: (call) => {
    const { shape } = call.type('x');
    const channel = { dtype: 'float32', shape: call.type('gamma').shape } as const;
    return call.recorder.record(
      'BatchNormTraining',
      { epsilon: call.attr('epsilon') },
      [call.ref('x'), call.ref('gamma'), call.ref('beta')],
      // The gradient may want its mean apart from the one that is given out.
      [{ dtype: 'float32', shape }, ...Array<typeof channel>(2 + RESERVES).fill(channel)],
    );
  },
  RecNextBatchNormTrainingGrad: (call) => {
    const { shape } = call.type('x');
    const channel = { dtype: 'float32', shape: call.type('gamma').shape } as const;
    const names = ['dy', 'x', 'gamma', 'mean', ...Array.from({ length: RESERVES }, (_, i) => `reserve${i}`)];
    return call.recorder.record(
      'BatchNormTrainingGrad',
      { epsilon: call.attr('epsilon') },
      names.map((name) => call.ref(name)),
      [{ dtype: 'float32', shape }, channel, channel],
    );
  },
};
