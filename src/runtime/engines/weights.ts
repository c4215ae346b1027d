import type * as tf from '@tensorflow/tfjs';
import type { HostValue } from '../../graph/host-value.js';
import type { ImageModel } from '../../models/image-model.js';

/** The values of a model's weights on the host, by name, in TF.js layout. */
export async function hostWeights(model: ImageModel): Promise<Map<string, HostValue>> {
  const variables: [string, tf.Variable][] = [...model.parameters, ...model.buffers];
  return new Map(
    await Promise.all(
      variables.map(async ([name, variable]): Promise<[string, HostValue]> => {
        const data = (await variable.data()) as Float32Array;
        return [name, { dtype: 'float32', shape: variable.shape, data }];
      }),
    ),
  );
}
