import { MIN_GRADIENT_NORM, MIN_WEIGHT_NORM } from '../../../ops/adaptive-clip.js';
import type { TraceKernel } from './kernel.js';

const INPUTS = ['parameter', 'mean', 'square', 'gradient', 'keep', 'rate', 'eps'] as const;

export const optimizerKernels: Readonly<Record<string, TraceKernel>> = {
  RecNextAdamW: (call) => {
    const type = call.type('parameter');
    return call.recorder.record(
      'AdamW',
      { beta1: call.attr('beta1'), beta2: call.attr('beta2'), decay: call.attr('decay') },
      INPUTS.map((name) => call.ref(name)),
      [type, type, type],
    );
  },
  RecNextAdaptiveClip: (call) =>
    call.one(
      'AdaptiveClip',
      {
        factor: call.attr('factor'),
        groups: call.attr('groups'),
        inner: call.attr('inner'),
        units: call.attr('units'),
        minWeightNorm: MIN_WEIGHT_NORM,
        minGradientNorm: MIN_GRADIENT_NORM,
      },
      [call.ref('gradient'), call.ref('parameter')],
      call.type('gradient').shape,
    ),
  RecNextLerp: (call) =>
    call.one(
      'Lerp',
      {},
      ['value', 'towards', 'share'].map((name) => call.ref(name)),
      call.type('value').shape,
    ),
};
