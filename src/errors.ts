/**
 * An error a user can act on: it says what is wrong, where, what was expected, what was found and what to do.
 * The command line prints its message in one line, without a stack trace, and exits with `exitCode`.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  /** 1: it failed; 2: it was called wrongly. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options?: { exitCode?: 1 | 2; cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options?.exitCode ?? 1;
  }
}

/** The call itself was wrong (unknown option, impossible value): exit code 2. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, { ...options, exitCode: 2 });
  }
}

/** A signal ended the work, cleanly: exit code 128 + its number. Says nothing more. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';

  constructor(readonly exitCode: 130 | 143) {
    super('stopped by a signal');
  }
}
