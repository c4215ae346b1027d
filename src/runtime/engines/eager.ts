import * as tf from '@tensorflow/tfjs';
import type { ImageModel } from '../../models/image-model.js';
import type { ProfiledEngine } from './engine.js';
import { profileEager } from './profile-eager.js';

/** Runs a model in TF.js, on whatever backend the process has. The model stays the caller's. */
export function eagerEngine(model: ImageModel): ProfiledEngine {
  return {
    engine: 'eager',
    numClasses: model.numClasses,
    async logits(images, shape) {
      const output = tf.tidy(() => model.forward(tf.tensor4d(images, [...shape])));
      const values = (await output.data()) as Float32Array;
      output.dispose();
      return values;
    },
    profile: (images, shape) =>
      profileEager(async () => {
        const output = tf.tidy(() => model.forward(tf.tensor4d(images, [...shape])));
        await output.data();
        output.dispose();
      }),
    dispose: () => undefined,
  };
}
