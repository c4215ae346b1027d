import { CheckpointError } from '../checkpoint-error.js';

const MB = 1 << 20;

/** What the bound of 64 MB must cover besides our own allocations: garbage not collected yet, the code itself. */
const HEADROOM = 32 * MB;

/**
 * Keeps reading within three times the file plus 64 MB: whatever is allocated because a file says so is asked for here
 * first. A half-precision file doubles when widened; nothing else honest needs more.
 */
export class MemoryBudget {
  private readonly limit: number;
  private used = 0;

  /** @param fileSize bytes of all the files that make up the checkpoint */
  constructor(
    private readonly where: string,
    private readonly fileSize: number,
    factor = 3,
  ) {
    this.limit = factor * fileSize + 64 * MB - HEADROOM;
  }

  /** Asks for `bytes`; refuses before anything is allocated. */
  take(bytes: number, what: string): void {
    if (this.used + bytes > this.limit)
      throw new CheckpointError(
        'memory',
        this.where,
        `${what} would need ${bytes.toLocaleString('en')} bytes on top of ${this.used.toLocaleString('en')}, more than a file of ` +
          `${this.fileSize.toLocaleString('en')} bytes may take (${this.limit.toLocaleString('en')}). It is damaged or made to exhaust memory.`,
      );
    this.used += bytes;
  }

  /** Gives back what `take` took. */
  release(bytes: number): void {
    this.used -= bytes;
  }
}
