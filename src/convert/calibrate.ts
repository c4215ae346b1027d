import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeImage, evalTransform } from '../data/index.js';
import { UserError } from '../errors.js';
import type { Weights } from '../graph/emit/host-tensors.js';
import { observedGraph, type Range, type Ranges } from '../graph/emit/onnx/quantization.js';
import { writeOnnx } from '../graph/emit/onnx/write-onnx.js';
import type { Graph } from '../graph/graph.js';
import type { DataConfig } from '../models/image-model.js';
import { OnnxSession } from '../runtime/onnx/index.js';

/** More images hardly move the ranges. */
const MOST = 128;
const IMAGE = /\.(jpe?g|png|webp|gif)$/i;

/**
 * The ranges of what goes into and comes out of a graph's 1×1 convolutions, over images of a folder (subfolders included; at most 128, spread over it), with the
 * model's preprocessing of evaluation. Runs in onnxruntime.
 *
 * @throws UserError where the folder has no images, one can't be decoded, or onnxruntime is not installed
 */
export async function calibrate(
  graph: Graph,
  weights: Weights,
  dataConfig: DataConfig,
  folder: string,
): Promise<Ranges> {
  const files = await imagesIn(folder);
  const session = await OnnxSession.open(writeOnnx(observedGraph(graph), { weights, images: 'nhwc' }));
  const ranges = new Map<string, Range>();
  try {
    const transform = evalTransform(dataConfig);
    const { height, width } = transform;
    const pixels = new Float32Array(height * width * 3);
    for (const file of files) {
      const image = await decodeImage(await readFile(file), file);
      transform.write(image, { seed: 0, epoch: 0, index: 0 }, pixels, 0);
      for (const [name, [value]] of Object.entries(await session.runAll(pixels, [1, height, width, 3]))) {
        const [side, key] = name.split(' ') as ['min' | 'max', string];
        const known = ranges.get(key) ?? { min: Infinity, max: -Infinity };
        ranges.set(key, { ...known, [side]: Math[side](known[side], value!) });
      }
    }
  } finally {
    await session.dispose();
  }
  return ranges;
}

async function imagesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new UserError(`--calibration ${folder}: cannot be read (${(error as Error).message})`, {
      cause: error,
    });
  });
  const files = entries.filter((path) => IMAGE.test(path)).sort();
  if (files.length === 0)
    throw new UserError(`--calibration ${folder}: no images in it (looked for .jpg, .png, .webp and .gif)`);
  const step = Math.max(1, files.length / MOST);
  return Array.from({ length: Math.min(MOST, files.length) }, (_, i) =>
    join(folder, files[Math.floor(i * step)]!),
  );
}
