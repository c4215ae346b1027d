import * as tf from '@tensorflow/tfjs';
import { zeroWeights } from '../../layers/initial-weights.js';
import { RecNext, RegNet } from '../../models/index.js';
import { difference, largestOf, type LayerDifference } from './compare.js';
import { syntheticInput } from './synthetic.js';

/** Small, for the plain backend computes every layer in a JavaScript loop; odd inside every stage. */
const HEIGHT = 104;
const WIDTH = 72;

/** Outputs of every module on a fixed input, by checkpoint name, and the logits. */
type Outputs = Map<string, Float32Array>;

/**
 * A model with the weights it has, on the present backend, against TF.js' plain JavaScript backend: every module.
 * Leaves the present backend selected.
 */
export async function verifyAgainstCpu(model: RecNext | RegNet): Promise<LayerDifference[]> {
  const backend = tf.getBackend();
  const found = outputs(model);
  const state = model.stateDict();
  await tf.setBackend('cpu');
  try {
    const plain =
      model instanceof RecNext
        ? new RecNext(model.config, zeroWeights)
        : new RegNet(model.config, zeroWeights);
    plain.loadStateDict(state);
    const expected = outputs(plain);
    plain.dispose();
    return [...expected].map(([layer, values]) =>
      difference(layer, found.get(layer) ?? [], values, largestOf(values)),
    );
  } finally {
    await tf.setBackend(backend);
  }
}

function outputs(model: RecNext | RegNet): Outputs {
  const result: Outputs = new Map();
  const keep = (layer: string, output: tf.Tensor): void => {
    result.set(layer, Float32Array.from(output.dataSync<'float32'>()));
  };
  tf.tidy(() => {
    const shape = [1, model.inChans, HEIGHT, WIDTH] as const;
    const x = tf.transpose(tf.tensor4d(syntheticInput('verify', shape), [...shape]), [0, 2, 3, 1]);
    keep('logits', model.forward(x, { observe: keep }));
  });
  return result;
}
