import { appendFile, readFile } from 'node:fs/promises';
import type { BrokenSample } from './broken-samples.js';
import type { BrokenShard } from './sources/broken-shard.js';

/** A line of the report. */
export type LeftOutLine =
  ({ readonly kind: 'shard' } & BrokenShard) | ({ readonly kind: 'sample' } & Omit<BrokenSample, 'index'>);

/**
 * What a run goes on without: shards and samples that are broken, each with the reason, in a file of one JSON object a line. Until it is said which file that
 * is, the lines wait.
 */
export class LeftOutReport {
  readonly #lines: LeftOutLine[] = [];
  /** What is in the file: runs that go on meet the same again. */
  readonly #known = new Set<string>();
  #file: string | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param warn told when the file cannot be written, once */
  constructor(private readonly warn: (line: string) => void = () => undefined) {}

  readonly shard = (shard: BrokenShard): void => this.#add({ kind: 'shard', ...shard });

  readonly sample = ({ name, reason }: BrokenSample): void => this.#add({ kind: 'sample', name, reason });

  /** Everything so far, in the order in which it was found. */
  get lines(): readonly LeftOutLine[] {
    return this.#lines;
  }

  /** Shards and samples so far, those of earlier runs not included. */
  get counts(): { readonly shards: number; readonly samples: number } {
    const shards = this.#lines.filter(({ kind }) => kind === 'shard').length;
    return { shards, samples: this.#lines.length - shards };
  }

  /** From now on the lines go into this file, behind those that are there. */
  async keepIn(file: string): Promise<void> {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      const key = keyOfText(line);
      if (key !== undefined) this.#known.add(key);
    }
    this.#file = file;
    this.#write(this.#lines);
    await this.written();
  }

  /** When everything so far is in the file. */
  written(): Promise<void> {
    return this.#writing;
  }

  #add(line: LeftOutLine): void {
    this.#lines.push(line);
    this.#write([line]);
  }

  #write(lines: readonly LeftOutLine[]): void {
    const file = this.#file;
    if (file === undefined) return;
    const fresh = lines.filter((line) => !this.#known.has(keyOf(line)));
    if (fresh.length === 0) return;
    fresh.forEach((line) => this.#known.add(keyOf(line)));
    const text = fresh.map((line) => JSON.stringify(line) + '\n').join('');
    this.#writing = this.#writing
      .then(() => appendFile(file, text))
      .catch((error: unknown) => {
        if (this.#file === undefined) return;
        // The run is worth more than its report.
        this.#file = undefined;
        this.warn(
          `${file} cannot be written (${(error as Error).message}): what is left out is not kept there.`,
        );
      });
  }
}

const keyOf = ({ kind, name, reason }: LeftOutLine): string => `${kind} ${name} ${reason}`;

function keyOfText(line: string): string | undefined {
  try {
    return keyOf(JSON.parse(line) as LeftOutLine);
  } catch {
    return undefined; // cut off by a crash, or the empty end
  }
}
