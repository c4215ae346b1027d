import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onnxRuntimeVersion } from '../runtime/onnx/index.js';
import { ownPackageFolder } from '../runtime/setup/node-package.js';
import { tensorflowVersion } from '../runtime/tensorflow/index.js';

/** Versions of what computes. */
export interface Versions {
  readonly recnext: string;
  readonly node: string;
  readonly tfjs: string;
  readonly tensorflow?: string;
  readonly onnxruntime?: string;
}

/** The versions that matter for what an engine computes; a library that it does not use is not loaded for its version. */
export async function versionsOf({
  engine,
  backend,
}: {
  engine: string;
  backend: string;
}): Promise<Versions> {
  const manifest = JSON.parse(readFileSync(join(ownPackageFolder(), 'package.json'), 'utf8')) as {
    version: string;
  };
  return {
    recnext: manifest.version,
    node: process.versions.node,
    tfjs: tf.version.tfjs,
    ...((engine === 'tensorflow' || backend === 'node') && { tensorflow: await tensorflowVersion() }),
    ...(engine === 'onnx' && { onnxruntime: await onnxRuntimeVersion() }),
  };
}
