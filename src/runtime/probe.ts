import { fork } from 'node:child_process';
import type { BackendName } from './backend-names.js';
import { compiledScript } from './compiled-script.js';

export interface TensorFlowLibrary {
  version: string;
  path: string;
}

/** What the child found. */
export type ProbeMessage =
  | {
      available: true;
      tfjs: string;
      /** node only */
      tensorflow?: TensorFlowLibrary;
      /** node only: TensorFlow computes on a GPU. */
      gpu?: boolean;
    }
  | { available: false; reason: string };

export type Probe = ProbeMessage & {
  /** What the native library printed. */
  stderr: string;
};

/** The first start reads 850 MB of libraries, perhaps from a slow disk. */
const TIMEOUT_MS = 180_000;

/** Starts `backend` in a process of its own and multiplies two matrices there. Never throws. */
export function probeBackend(backend: BackendName, device: 'cpu' | 'gpu' = 'cpu'): Promise<Probe> {
  return new Promise((resolve) => {
    const child = fork(compiledScript('./probe-child.js', import.meta.url), [backend, device], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0' },
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let stderr = '';
    let found: ProbeMessage | undefined;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('message', (message) => (found = message as ProbeMessage));
    child.on('error', (error) => resolve({ available: false, reason: error.message, stderr }));
    child.on('close', (code, signal) =>
      resolve({ ...(found ?? { available: false, reason: crash(code, signal, stderr) }), stderr }),
    );
  });
}

/** The line in which a native library says why it gave up is the last one that is not a stack frame. */
function crash(code: number | null, signal: NodeJS.Signals | null, stderr: string): string {
  const said = stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at |^Node\.js v/.test(line))
    .at(-1);
  const hint = signal === 'SIGILL' ? ': this processor lacks instructions that the library needs' : '';
  const how =
    signal === 'SIGKILL'
      ? `it was killed, or did not start within ${TIMEOUT_MS / 1000} s`
      : signal === null
        ? `it stopped with exit code ${code}`
        : `it crashed (${signal})${hint}`;
  return said === undefined ? how : `${how}; it said: ${said.trim()}`;
}
