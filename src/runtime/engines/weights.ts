import type * as tf from '@tensorflow/tfjs';
import type { HostValue } from '../../graph/host-value.js';
import type { ImageModel } from '../../models/image-model.js';

/** Copies of variables on the host, in their order and TF.js' layout. */
export async function hostValues(
  variables: Iterable<readonly [name: string, variable: tf.Variable]>,
): Promise<Map<string, HostValue & { readonly data: Float32Array }>> {
  return new Map(
    await Promise.all(
      Array.from(variables, async ([name, variable]) => {
        const data = (await variable.data()) as Float32Array;
        return [name, { dtype: 'float32', shape: variable.shape, data }] as const;
      }),
    ),
  );
}

/** The values of a model's weights. */
export function hostWeights(model: ImageModel): ReturnType<typeof hostValues> {
  return hostValues([...model.parameters, ...model.buffers]);
}
