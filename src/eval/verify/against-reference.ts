import * as tf from '@tensorflow/tfjs';
import { zeroWeights } from '../../layers/initial-weights.js';
import { namedWeights } from '../../layers/spec/module-spec.js';
import { RecNext } from '../../models/index.js';
import { resolveRecNext } from '../../models/recnext-config.js';
import { difference, type LayerDifference } from './compare.js';
import { REFERENCE_INPUT, REFERENCE_NUMBERS, type ReferenceModule } from './reference-numbers.js';
import { syntheticInput, syntheticStateDict } from './synthetic.js';

/**
 * This implementation of a variant, on the present backend, against numbers of the PyTorch one: the same deterministic
 * weights, the same input (odd sizes inside every stage), stem, stages and logits.
 */
export function verifyAgainstReference(variant: string): LayerDifference[] {
  const expected = REFERENCE_NUMBERS[variant]!;
  const model = new RecNext(resolveRecNext(variant), zeroWeights);
  model.loadStateDict(syntheticStateDict(namedWeights(model.spec).map(([name, { shape }]) => [name, shape])));
  const found: LayerDifference[] = [];
  const compare = (layer: string, output: tf.Tensor): void => {
    const reference = expected[layer];
    if (reference !== undefined) found.push(sampled(layer, output, reference));
  };
  tf.tidy(() => {
    const image = tf.tensor4d(syntheticInput(REFERENCE_INPUT.key, REFERENCE_INPUT.shape), [
      ...REFERENCE_INPUT.shape,
    ]);
    const x = tf.transpose(image, [0, 2, 3, 1]);
    compare('logits', model.forward(x, { observe: compare }));
  });
  model.dispose();
  return found;
}

function sampled(
  layer: string,
  output: tf.Tensor,
  { absmax, index, value }: ReferenceModule,
): LayerDifference {
  const values = tf.tidy(() => (output.rank === 4 ? tf.transpose(output, [0, 3, 1, 2]) : output).dataSync());
  return difference(
    layer,
    index.map((i) => values[i] ?? NaN),
    value,
    absmax,
  );
}
