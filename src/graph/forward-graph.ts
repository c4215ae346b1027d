import type * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import type { ImageModel } from '../models/image-model.js';
import type { Graph } from './graph.js';
import { openBatch } from './open-batch.js';
import { trace } from './trace/trace.js';

export interface ForwardGraphOptions {
  /** Images of a run; `open`: any number. Default `open`. */
  readonly batch?: number | 'open';
  /** Of the images. Default: those of the model's data configuration. */
  readonly height?: number;
  readonly width?: number;
}

/**
 * What a model computes in evaluation, as a graph: input `images` `[batch, height, width, channels]`, output `logits` `[batch, classes]`, weights as
 * variables of their checkpoint names.
 *
 * @throws UserError where the model can't be traced
 */
export function forwardGraph(model: ImageModel, options: ForwardGraphOptions = {}): Graph {
  const [, defaultHeight, defaultWidth] = model.dataConfig.inputSize;
  const { batch = 'open', height = defaultHeight, width = defaultWidth } = options;
  const at = (n: number): Graph =>
    trace({
      variables: new Map([...model.parameters, ...model.buffers]),
      body: (input) => {
        const images = input('images', { dtype: 'float32', shape: [n, height, width, model.inChans] });
        return { logits: model.forward(images as tf.Tensor4D) };
      },
    });
  if (batch !== 'open') return at(batch);
  try {
    return openBatch(at(2), at(3));
  } catch (error) {
    throw new UserError(
      `${model.name} cannot be traced for any batch size: ${(error as Error).message}. Give one.`,
      {
        cause: error,
      },
    );
  }
}
