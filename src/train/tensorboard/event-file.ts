import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { encodeEvent, SESSION_START, type Event, type SummaryValue } from './event-messages.js';
import { frameRecord } from './record.js';

/** Records are gathered this long before they are written: TensorBoard itself looks every five seconds. */
const FLUSH_MS = 2000;

/**
 * An event file that TensorBoard reads while it grows. Whole records are appended at a time: what a killed process leaves is a file with at
 * most its last record cut off, which TensorBoard passes over. A file is never written to again by another process: a resumed run
 * begins the next one, which says from which step on earlier files no longer count.
 *
 * The first write that fails ends it: training goes on without.
 */
export class EventFile {
  private readonly path: string;
  private pending: Uint8Array[] = [];
  private timer: NodeJS.Timeout | undefined;
  private last: Promise<void>;
  private failed = false;

  /**
   * @param folder is made
   * @param firstStep the first step this process has something to say of
   * @param onError told once when events cannot be written
   */
  constructor(
    folder: string,
    firstStep: number,
    private readonly onError: (error: Error) => void,
  ) {
    this.path = join(folder, fileName());
    this.last = mkdir(folder, { recursive: true })
      .then(() => writeFile(this.path, '', { flag: 'wx' }))
      .catch((error: unknown) => this.fail(error));
    this.push({ wallTime: now(), fileVersion: 'brain.Event:2' });
    this.push({ wallTime: now(), step: firstStep, sessionLog: { status: SESSION_START } });
  }

  add(step: number, value: readonly SummaryValue[]): void {
    this.push({ wallTime: now(), step, summary: { value } });
  }

  /** Everything so far is in the file. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.last = this.last.then(async () => {
      const records = this.pending;
      this.pending = [];
      if (!this.failed && records.length > 0) await appendFile(this.path, Buffer.concat(records));
    });
    this.last = this.last.catch((error: unknown) => this.fail(error));
    return this.last;
  }

  private push(event: Event): void {
    if (this.failed) return;
    this.pending.push(frameRecord(encodeEvent(event)));
    // Does not keep the process alive: the run closes what it opened.
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  private fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    this.pending = [];
    this.onError(error as Error);
  }
}

const now = (): number => Date.now() / 1000;

/** Files are read in the order of their names: the time to the microsecond comes first, padded. */
function fileName(): string {
  const seconds = ((performance.timeOrigin + performance.now()) / 1000).toFixed(6).padStart(17, '0');
  return `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`;
}
