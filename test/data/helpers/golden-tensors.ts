import { readGoldenTensors } from '../../helpers/models.js';
import { uniform } from '../../helpers/synthetic.js';

type Shape = readonly [batch: number, channels: number, height: number, width: number];

/** The reference's order to ours: NCHW to NHWC. */
function channelsLast(values: ArrayLike<number>, [batch, channels, height, width]: Shape): Float32Array {
  const out = new Float32Array(values.length);
  let to = 0;
  for (let n = 0; n < batch; n++)
    for (let p = 0; p < height * width; p++)
      for (let c = 0; c < channels; c++) out[to++] = values[(n * channels + c) * height * width + p]!;
  return out;
}

/** `u(key)` of the golden README as a float32 tensor of the reference's `shape`, channels last. */
export function uniformTensor(key: string, shape: Shape): Float32Array {
  return channelsLast(
    uniform(
      key,
      shape.reduce((a, b) => a * b),
    ),
    shape,
  );
}

/** Named tensors of a golden file; those with a shape in NCHW are put channels last. */
export function goldenTensor(file: string, name: string, shape?: Shape): Float32Array {
  const values = readGoldenTensors(file)[name]!;
  return shape === undefined ? values : channelsLast(values, shape);
}
