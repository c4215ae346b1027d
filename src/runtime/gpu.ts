import { probeBackend, type Probe } from './probe.js';

const DRIVER: Partial<Record<NodeJS.Platform, string>> = { linux: 'libcuda.so.1', win32: 'nvcuda.dll' };

/** What the dynamic linker says about the library, or undefined when it can be loaded. */
function dlopenError(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library);
    return undefined;
  } catch (error) {
    const message = (error as Error).message.split('\n')[0]!;
    // It was loaded; that it is no Node addon is no surprise.
    return message.includes('did not self-register') ? undefined : message;
  }
}

/** Lines in which TensorFlow names a library or call of CUDA that failed. */
export function cudaComplaints(stderr: string): string[] {
  const lines = stderr
    .split('\n')
    .filter((line) => /dlopen|dlerror|could not (load|find)|cannot open|failed call|CUDA_ERROR/i.test(line))
    .map((line) => line.replace(/^.*?\.cc:\d+\]\s*/, '').trim());
  return [...new Set(lines)];
}

/** Why CUDA cannot even start, in one line without a final stop; undefined when the driver's library can be loaded. */
export function missingDriver(): string | undefined {
  const driver = DRIVER[process.platform];
  if (driver === undefined) return `TensorFlow has no GPU support on ${process.platform}`;
  const error = dlopenError(driver);
  return error === undefined ? undefined : `the NVIDIA driver is missing (${error})`;
}

/**
 * Why TensorFlow has no GPU here, in one line without a final stop: the driver's library, then what TensorFlow itself says it
 * lacks (libcudart, libcudnn, …), then a build without CUDA.
 *
 * @param probe of the node backend with the GPU visible, when the caller has one
 */
export async function whyNoGpu(probe?: Probe): Promise<string> {
  const driver = missingDriver();
  if (driver !== undefined) return driver;
  const { stderr, ...found } = probe ?? (await probeBackend('node', 'gpu'));
  if (!found.available) return found.reason;
  const complaints = cudaComplaints(stderr);
  if (complaints.length > 0) return complaints.slice(0, 3).join('; ');
  const hidden = process.env.CUDA_VISIBLE_DEVICES;
  if (hidden !== undefined && /^\s*(-1)?\s*$/.test(hidden))
    return `CUDA_VISIBLE_DEVICES="${hidden}" hides every GPU`;
  return `TensorFlow ${found.tensorflow?.version ?? ''} (${found.tensorflow?.path ?? 'unknown'}) finds none and names no missing library: it is built without CUDA`;
}
