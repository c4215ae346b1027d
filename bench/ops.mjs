/**
 * Times the operations of src/ops, forward and backward, against what TF.js alone offers.
 *
 *     npm run build && node bench/ops.mjs [node | wasm | cpu]
 *
 * Prints the median of eleven runs in milliseconds, batch 4, sizes of RecNeXt-M1 at 224. `-`: TF.js has no such operation.
 * Stock figures flatter TF.js twice: its bilinear gradient is wrong, and on wasm, where it has no gradient for the filters of
 * convolutions and for the input of depthwise ones, it uses those that src/ops registers under TF.js' names.
 */
import * as tf from '@tensorflow/tfjs';
import { batchNormTraining, conv2d, gelu, resizeBilinear } from '../dist/src/ops/index.js';
import { selectBackend } from '../dist/src/runtime/backend.js';

const backend = process.argv[2] ?? 'wasm';
await selectBackend(backend);

const BATCH = 4;

function median(run) {
  const times = [];
  for (let i = 0; i < 13; i++) {
    const start = performance.now();
    const result = run();
    // tfjs-node, wasm and cpu compute before they return.
    const time = performance.now() - start;
    tf.dispose(result);
    if (i > 1) times.push(time);
  }
  return times.sort((a, b) => a - b)[5];
}

/** One line: ours and stock, forward, then forward and backward. */
function compare(name, inputs, ours, stock) {
  const cell = (f) => {
    try {
      return f === undefined ? '-' : median(f).toFixed(2);
    } catch {
      return '-';
    }
  };
  const forward = (f) => f && (() => tf.tidy(() => f(...inputs)));
  const both = (f) => f && (() => tf.tidy(() => tf.grads(f)(inputs)));
  const cells = [forward(ours), forward(stock), both(ours), both(stock)].map(cell);
  console.log([name.padEnd(34), ...cells.map((c) => c.padStart(10))].join(''));
  tf.dispose(inputs);
}

const random = (...shape) => tf.randomNormal(shape);

console.log(
  `${backend}, milliseconds`.padEnd(34) +
    ['ours', 'stock', 'ours f+b', 'stock f+b'].map((c) => c.padStart(10)).join(''),
);

compare('gelu 56 × 56 × 96', [random(BATCH, 56, 56, 96)], gelu, (x) =>
  tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
);

compare(
  'batch norm 56 × 56 × 96',
  [random(BATCH, 56, 56, 96), random(96), random(96)],
  (x, gamma, beta) => batchNormTraining(x, gamma, beta, 1e-5).output,
  (x, gamma, beta) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), gamma), beta);
  },
);

compare(
  'bilinear 28 → 56 × 48',
  [random(BATCH, 28, 28, 48)],
  (x) => resizeBilinear(x, [56, 56]),
  (x) => tf.image.resizeBilinear(x, [56, 56], false, true),
);

const pad = (x, k) => {
  const p = Math.floor(k / 2);
  return tf.pad(x, [
    [0, 0],
    [p, p],
    [p, p],
    [0, 0],
  ]);
};
const CONVOLUTIONS = [
  [224, 3, 24, 3, 2, 1],
  [112, 24, 48, 3, 2, 1],
  [56, 48, 96, 1, 1, 1],
  [56, 48, 48, 5, 1, 48],
  [56, 48, 48, 5, 2, 48],
  [56, 48, 96, 7, 2, 48],
  [14, 192, 192, 5, 1, 192],
  [14, 256, 384, 5, 2, 128],
];
for (const [size, inputs, outputs, kernel, stride, groups] of CONVOLUTIONS)
  compare(
    `conv ${size}² × ${inputs} → ${outputs}, ${kernel} × ${kernel} / ${stride}, g ${groups}`,
    [random(BATCH, size, size, inputs), random(kernel, kernel, inputs, outputs / groups)],
    (x, filter) => conv2d(x, filter, { stride, groups }),
    groups === 1
      ? (x, filter) => tf.conv2d(pad(x, kernel), filter, stride, 'valid')
      : groups === inputs
        ? (x, filter) => tf.depthwiseConv2d(pad(x, kernel), filter, stride, 'valid')
        : undefined,
  );
