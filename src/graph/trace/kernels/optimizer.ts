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
};
