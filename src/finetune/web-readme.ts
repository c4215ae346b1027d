import { modelDataConfig, type ModelConfig } from '../models/model-config.js';
import { isSmallInput } from '../data/transform.js';

/** What the folder's README says of the model. */
export interface WebModel {
  readonly config: ModelConfig;
  /** Percent, on pictures it has not learned from. */
  readonly top1: number;
  readonly images: number;
}

/** The README of a web folder: what is in it, and code that classifies a picture as evaluation does. */
export function webReadme({ config, top1, images }: WebModel): string {
  const { inputSize, mean, std, cropPct } = modelDataConfig(config);
  const [, height, width] = inputSize;
  const crop = isSmallInput(height, width) ? 1 : cropPct;
  return `# A picture classifier for the web

${config.name}, ${config.numClasses} classes, batch norms folded. Top-1 accuracy ${top1.toFixed(2)} % on ${images} pictures it has not learned from.

- \`model.json\` and the \`.bin\` files beside it: the model, for \`tf.loadLayersModel\`
- \`classes.txt\`: the names of the classes, a line each, in the order of the logits

In a page, with any bundler (\`npm install @tensorflow/tfjs recnext\`):

\`\`\`js
import * as tf from '@tensorflow/tfjs';
import 'recnext/layers'; // makes the layers known to tf.loadLayersModel

const model = await tf.loadLayersModel('model.json');
const { classNames } = model.getUserDefinedMetadata().recnext;

/** Name and probability of the most probable class of an <img>, <canvas> or <video>. */
export function classify(image) {
  return tf.tidy(() => {
    const pixels = tf.browser.fromPixels(image).toFloat();
    const [height, width] = pixels.shape;
    // The middle of the picture, as evaluation takes it.
    const side = Math.round(Math.min(height, width) * ${crop});
    const square = pixels.slice([(height - side) >> 1, (width - side) >> 1], [side, side]);
    const resized = tf.image.resizeBilinear(square, [${height}, ${width}], false, true);
    const normalised = resized.div(255).sub([${mean.join(', ')}]).div([${std.join(', ')}]);
    const probabilities = tf.softmax(model.predict(normalised.expandDims())).dataSync();
    const best = probabilities.indexOf(Math.max(...probabilities));
    return { name: classNames[best], probability: probabilities[best] };
  });
}
\`\`\`

A browser resizes a little differently from the program that measured the accuracy; \`recnext eval --weights\` with this folder measures it again.
`;
}
