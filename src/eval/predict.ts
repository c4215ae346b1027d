import { decodeImage, evalTransform } from '../data/index.js';
import { UserError } from '../errors.js';
import type { DataConfig } from '../models/image-model.js';
import type { InferenceEngine } from '../runtime/engines/engine.js';

export interface Prediction {
  /** The most probable classes, best first. */
  readonly top: readonly { readonly index: number; readonly label: string; readonly probability: number }[];
  /** Logits of all classes. */
  readonly logits: Float32Array;
}

/** Classifies encoded images one by one, with the model's own preprocessing. */
export class Predictor {
  private readonly transform;

  /** @param classNames default: `class 0`, `class 1`, … */
  constructor(
    private readonly engine: InferenceEngine,
    dataConfig: DataConfig,
    private readonly classNames: readonly string[] | undefined,
  ) {
    this.transform = evalTransform(dataConfig);
  }

  /**
   * @param bytes an encoded image
   * @param name what it is called in messages
   * @param k how many classes to give; all, where there are fewer
   */
  async predict(bytes: Uint8Array, name: string, k: number): Promise<Prediction> {
    const image = await decodeImage(bytes, name);
    const { height, width } = this.transform;
    const pixels = new Float32Array(height * width * 3);
    this.transform.write(image, { seed: 0, epoch: 0, index: 0 }, pixels, 0);
    const logits = await this.engine.logits(pixels, [1, height, width, 3]);
    requireFinite(logits, name);
    const probabilities = softmax(logits);
    const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
    const top = order.slice(0, k).map((index) => ({
      index,
      label: this.classNames?.[index] ?? `class ${index}`,
      probability: probabilities[index]!,
    }));
    return { top, logits };
  }
}

/** Logits that are no numbers would make every class as good as any. */
function requireFinite(logits: Float32Array, name: string): void {
  if (logits.every(Number.isFinite)) return;
  throw new UserError(
    `${name}: the model gives NaN or Inf: its weights are damaged, or its running variances negative.`,
  );
}

function softmax(logits: Float32Array): number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(logits, (value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
