import type { LowerOptions } from '../../graph/tensorflow/lower/index.js';
import { deviceName, parseDevice } from '../device.js';
import type { SessionOptions } from '../tensorflow/index.js';
import type { EngineOptions } from './choose.js';

/** How graphs are written and run for the TensorFlow engine. */
export function tensorFlowOptions({ device = 'cpu', threads }: EngineOptions): SessionOptions & LowerOptions {
  return {
    device: deviceName(parseDevice(device)) as SessionOptions['device'],
    ...(threads !== undefined && { intraOpThreads: threads }),
  };
}
