import { UserError } from '../../errors.js';
import type { ImagesShape } from '../../runtime/engines/engine.js';
import { imagesFor, type ImagesFor } from './images.js';
import type { Teacher } from './outputs.js';
import type { HostTensor, TeacherModel } from './teacher-model.js';

export interface Adaptation {
  readonly images: ImagesFor;
  /** Output of the model for each class of the data; undefined: they are the same. */
  readonly classes: Int32Array | undefined;
  /** Whether the model gives probabilities: their logarithm is taken. */
  readonly probabilities: boolean;
  /** The teacher's name in messages. */
  readonly label: string;
}

/** The model as a teacher: from the student's images to logits of the data's classes. It becomes the teacher's own. */
export function adapted(model: TeacherModel, adaptation: Adaptation): Teacher {
  const { classes, probabilities, label } = adaptation;
  return {
    async logits(images, shape) {
      const output = await runAny(model, imagesFor(images, shape, adaptation.images));
      const logits = rowsOf(output, shape[0], label);
      // Of images that are broken themselves the loss will tell.
      if (!allFinite(logits) && allFinite(images))
        throw new UserError(
          `${label} gives NaN or Inf: its weights are damaged, or it wants other images (--teacher-norm).`,
        );
      const mapped = classes === undefined ? logits : picked(logits, shape[0], classes);
      return probabilities ? mapped.map((p) => Math.log(Math.max(p, SMALLEST))) : mapped;
    },
    dispose: () => model.dispose(),
  };
}

/** A probability that is zero in float32 has no logarithm. */
const SMALLEST = 1e-30;
/** By which the sum of rounded probabilities may miss one. */
const ROUNDING = 1e-3;

/** What a model makes of a black image: how many classes it knows, and whether it gives their probabilities. */
export async function probe(
  model: TeacherModel,
  images: Pick<ImagesFor, 'from' | 'to' | 'layout' | 'size'>,
  side: number,
  label: string,
): Promise<{ classes: number; probabilities: boolean }> {
  const [height, width] = images.size ?? [side, side];
  const shape: ImagesShape = [1, height, width, 3];
  const black = imagesFor(new Float32Array(height * width * 3), shape, images);
  const logits = rowsOf(await runAny(model, black), 1, label);
  const sum = logits.reduce((total, value) => total + value, 0);
  const probabilities = logits.every((value) => value >= 0) && Math.abs(sum - 1) < ROUNDING;
  return { classes: logits.length, probabilities };
}

/** Runs a model whose file fixes the batch as often as it takes; what is missing in the last one is black. */
async function runAny(model: TeacherModel, images: HostTensor): Promise<HostTensor> {
  const { batch: fixed } = model.input;
  const [batch, ...rest] = images.shape as [number, ...number[]];
  if (fixed === undefined || fixed === batch) return model.run(images);
  const size = images.data.length / batch;
  const parts: Float32Array[] = [];
  let outputShape: readonly number[] = [];
  for (let start = 0; start < batch; start += fixed) {
    const data = new Float32Array(fixed * size);
    data.set(images.data.subarray(start * size, Math.min(batch, start + fixed) * size));
    const output = await model.run({ data, shape: [fixed, ...rest] });
    const count = Math.min(fixed, batch - start);
    parts.push(output.data.subarray(0, (output.data.length / fixed) * count));
    outputShape = output.shape.slice(1);
  }
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let filled = 0;
  for (const part of parts) {
    data.set(part, filled);
    filled += part.length;
  }
  return { data, shape: [batch, ...outputShape] };
}

/** `[batch, classes]`; axes of length 1 after them are nothing. */
function rowsOf({ data, shape }: HostTensor, batch: number, label: string): Float32Array {
  const [rows, classes = 0, ...rest] = shape;
  if (rows === batch && classes > 1 && rest.every((length) => length === 1)) return data;
  throw new UserError(
    `${label} gives [${shape.join(', ')}], expected [${batch}, classes]: it is no classifier.`,
  );
}

function picked(logits: Float32Array, rows: number, outputs: Int32Array): Float32Array {
  const classes = logits.length / rows;
  const out = new Float32Array(rows * outputs.length);
  for (let row = 0; row < rows; row++)
    outputs.forEach((output, label) => {
      out[row * outputs.length + label] = logits[row * classes + output]!;
    });
  return out;
}

function allFinite(values: Float32Array): boolean {
  return values.every(Number.isFinite);
}
