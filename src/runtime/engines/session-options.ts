import type { LowerOptions } from '../../graph/tensorflow/lower/index.js';
import { deviceName, parseDevice } from '../device.js';
import type { SessionOptions } from '../tensorflow/index.js';
import type { EngineOptions } from './choose.js';

/** How graphs are written and run for the TensorFlow engine. */
export function tensorFlowOptions({
  device = 'cpu',
  threads,
  amp,
  opLibrary,
}: EngineOptions): SessionOptions & LowerOptions {
  return {
    device: deviceName(parseDevice(device)) as SessionOptions['device'],
    ...(threads !== undefined && { intraOpThreads: threads }),
    ...(amp !== undefined && { mixedPrecision: amp }),
    ...(opLibrary !== undefined && { opLibrary, nativeOps: true }),
  };
}

/**
 * The same for a training step. TensorFlow's graph optimizer needs as long as several steps for one; beside our own operations it finds nothing to do, without them it
 * makes a step a twentieth faster (bench/NOTES.md).
 */
export function trainingOptions(engine: EngineOptions): SessionOptions & LowerOptions {
  const options = { pointwiseAsMatMul: true, ...tensorFlowOptions(engine) };
  return options.nativeOps && options.mixedPrecision === undefined
    ? { ...options, graphOptimizer: 'off' }
    : options;
}
