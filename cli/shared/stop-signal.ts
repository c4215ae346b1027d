import { StoppedError } from '../../src/errors.js';
import type { Output } from './output.js';

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof CODES;

/**
 * Turns Ctrl-C and SIGTERM into a request to end cleanly. After the first one the system's own handling is back, so that a second one ends the process at
 * once, even inside a native call.
 */
export class StopSignal {
  private readonly controller = new AbortController();
  private received: Signal | undefined;
  private readonly listener = (signal: Signal): void => {
    this.received = signal;
    this.dispose();
    this.output.info(`${signal}: ending after this step; once more to leave at once.`);
    this.controller.abort(new StoppedError(CODES[signal]));
  };

  constructor(private readonly output: Output) {
    for (const signal of Object.keys(CODES) as Signal[]) process.on(signal, this.listener);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Throws what gives the process the exit code of the signal that came, if one did. */
  throwIfStopped(): void {
    if (this.received !== undefined) throw new StoppedError(CODES[this.received]);
  }

  dispose(): void {
    for (const signal of Object.keys(CODES) as Signal[]) process.off(signal, this.listener);
  }
}
