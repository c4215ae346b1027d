import * as tf from '@tensorflow/tfjs';
import type { ImageModel } from '../../models/image-model.js';
import type { InferenceEngine } from './engine.js';

/** Runs a model in TF.js, on whatever backend the process has. The model stays the caller's. */
export function eagerEngine(model: ImageModel): InferenceEngine {
  return {
    engine: 'eager',
    numClasses: model.numClasses,
    async logits(images, shape) {
      const output = tf.tidy(() => model.forward(tf.tensor4d(images, [...shape])));
      const values = (await output.data()) as Float32Array;
      output.dispose();
      return values;
    },
    dispose: () => undefined,
  };
}
