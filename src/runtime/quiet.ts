import * as tf from '@tensorflow/tfjs';
import { closeSync, openSync } from 'node:fs';
import { ffi } from './ffi.js';

interface Descriptors {
  dup(fd: number): number;
  dup2(from: number, to: number): number;
}

/** The C library's functions, or undefined where koffi has no build for this platform: the messages then stay visible. */
function descriptors(): Descriptors | undefined {
  try {
    const libc = ffi().load(null);
    return {
      dup: libc.func('int dup(int)') as Descriptors['dup'],
      dup2: libc.func('int dup2(int, int)') as Descriptors['dup2'],
    };
  } catch {
    return undefined;
  }
}

/**
 * Runs `load` without TensorFlow's messages to people who debug it. `TF_CPP_MIN_LOG_LEVEL` hides most of them, but libtensorflow 2.21
 * announces oneDNN from a static initialiser, before it reads that variable: stderr is closed while the library loads (errors come as
 * exceptions). Nothing is hidden when the user set `TF_CPP_MIN_LOG_LEVEL` to 0 or 1.
 */
export function withoutNativeMessages<T>(load: () => T): T {
  const level = (process.env.TF_CPP_MIN_LOG_LEVEL ??= '2');
  if (Number(level) < 2 || process.platform === 'win32') return load();
  const fds = descriptors();
  if (fds === undefined) return load();
  const stderr = fds.dup(2);
  if (stderr < 0) return load();
  const nowhere = openSync('/dev/null', 'w');
  fds.dup2(nowhere, 2);
  try {
    return load();
  } finally {
    fds.dup2(stderr, 2);
    closeSync(stderr);
    closeSync(nowhere);
  }
}

/** Keeps the cpu backend from printing, at its first tensor, that tfjs-node is faster: `doctor` and `auto` say so with the reason. */
export function withoutCpuBanner(): void {
  const backend = tf.findBackend('cpu') as { firstUse?: boolean } | null;
  if (backend !== null) backend.firstUse = false;
}
