import * as tf from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { UserError } from '../errors.js';
import { NODE_PACKAGE } from './backend-names.js';
import { deviceName, visibleDevices, type Device } from './device.js';
import { restoreRemovedUtils } from './node-shims.js';
import { withoutNativeMessages } from './quiet.js';

/** The part of tfjs-node's native binding that is read here. */
export interface NodeBinding {
  TF_Version: string;
  isUsingGpuDevice(): boolean;
}

export interface NativeOptions {
  device?: Device;
  threads?: number;
}

/** How the native library was started: this is fixed for the life of the process. */
let started: { device: string; threads: number | undefined } | undefined;

/**
 * Loads `@tensorflow/tfjs-node-gpu`, once a process. Device and threads must be known by then: TensorFlow reads them from the
 * environment (`CUDA_VISIBLE_DEVICES`, `TF_NUM_INTRAOP_THREADS`) when it starts. Without `device` it runs on the CPU.
 *
 * @throws UserError with the reason and what to do: package or addon missing, library refused, device or threads other than at the
 * first call
 */
export function loadNodeBackend({ device, threads }: NativeOptions = {}): NodeBinding {
  if (started === undefined) {
    const wanted = device ?? { kind: 'cpu' };
    setEnvironment(wanted, threads);
    restoreRemovedUtils();
    try {
      withoutNativeMessages(() => createRequire(import.meta.url)(NODE_PACKAGE) as unknown);
    } catch (error) {
      throw new UserError(
        `the node backend is not available: ${loadFailure(error)}. \`recnext setup\` installs it.`,
        {
          cause: error,
        },
      );
    }
    started = { device: deviceName(wanted), threads };
  } else if (device !== undefined && deviceName(device) !== started.device) {
    throw new UserError(
      `TensorFlow already runs on ${started.device} in this process, found a request for ${deviceName(device)}. Choose one device a process.`,
    );
  } else if (threads !== undefined && threads !== started.threads) {
    throw new UserError(
      `TensorFlow already runs with ${started.threads ?? 'its default number of'} threads in this process, found a request for ${threads}. Choose one number a process.`,
    );
  }
  return (tf.findBackend('tensorflow') as unknown as { binding: NodeBinding }).binding;
}

function setEnvironment(device: Device, threads: number | undefined): void {
  const visible = visibleDevices(device, process.env.CUDA_VISIBLE_DEVICES);
  if (visible !== undefined) process.env.CUDA_VISIBLE_DEVICES = visible;
  if (threads !== undefined) {
    process.env.TF_NUM_INTRAOP_THREADS = String(threads);
    // Builds of TensorFlow whose oneDNN uses OpenMP take their number from here.
    process.env.OMP_NUM_THREADS = String(threads);
  }
}

/** Why it did not load, in one line without a final stop. */
function loadFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'MODULE_NOT_FOUND' && message.includes(`'${NODE_PACKAGE}'`))
    return `${NODE_PACKAGE} is not installed`;
  if (message.includes('native addon module') && message.includes('can not be found'))
    return `${NODE_PACKAGE} is there without its native addon`;
  return message.split('\n')[0]!.replace(/\.$/, '');
}
