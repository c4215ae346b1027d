import path from 'node:path';
import { UsageError } from '../../errors.js';

/** What shards are called: `imagenet-train-{000000..}.tar`. */
export class ShardNames {
  readonly folder: string;
  readonly #before: string;
  readonly #first: number;
  readonly #digits: number;
  readonly #after: string;

  /** @throws UsageError for a pattern without the place of the number in its file name */
  constructor(pattern: string) {
    const { dir, base } = path.parse(pattern);
    const match = /^(.*)\{(\d+)\.\.\}(.*\.tar)$/.exec(base);
    if (match === null || /[{}]/.test(dir + match[1]! + match[3]!))
      throw new UsageError(
        `--out ${pattern}: expected a file name with the place of the shard's number in it, as train-{000000..}.tar.`,
      );
    this.folder = dir === '' ? '.' : dir;
    this.#before = match[1]!;
    this.#first = Number(match[2]);
    this.#digits = match[2]!.length;
    this.#after = match[3]!;
  }

  /** Name of shard `i`, without its folder. */
  file(i: number): string {
    return this.#before + String(this.#first + i).padStart(this.#digits, '0') + this.#after;
  }

  /** Which shard a file is by its name; undefined: none of these. */
  shardOf(file: string): number | undefined {
    const number = file.slice(this.#before.length, file.length - this.#after.length);
    if (!file.startsWith(this.#before) || !file.endsWith(this.#after) || !/^\d+$/.test(number))
      return undefined;
    const shard = Number(number) - this.#first;
    return shard >= 0 && this.file(shard) === file ? shard : undefined;
  }

  /** The shards as a source of data. */
  pattern(count: number): string {
    const number = (i: number): string => String(this.#first + i).padStart(this.#digits, '0');
    return path.join(this.folder, `${this.#before}{${number(0)}..${number(count - 1)}}${this.#after}`);
  }

  /** The file that says what is in the shards. */
  get manifest(): string {
    return path.join(this.folder, `${this.#stem}.manifest.json`);
  }

  /** The file that names what is not in the shards, because it is broken, if there is anything. */
  get leftOut(): string {
    return path.join(this.folder, `${this.#stem}.left-out.jsonl`);
  }

  get #stem(): string {
    const stem = `${this.#before}${this.#after.slice(0, -'.tar'.length)}`.replace(/[-_.]+$/, '');
    return stem || 'shards';
  }
}
