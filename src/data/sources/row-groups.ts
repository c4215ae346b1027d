import type { FileMetaData } from 'hyparquet';
import { Parts } from './sample-index.js';

type Pictures = readonly (Uint8Array | undefined)[];
type ReadRows = (rowStart: number, rowEnd: number) => Promise<Pictures>;

/** Bytes of pictures kept. A row group of ImageNet on the hub has a hundred pictures, 10 MB. */
const KEPT = 2 ** 28;

/** Single rows out of row groups: a group is read whole, since its pages are packed together, and the last ones used are kept. */
export class RowGroups {
  readonly #groups: readonly Parts[];
  /** By use, the longest unused first. */
  readonly #kept = new Map<string, { rows: Promise<Pictures>; bytes: number }>();
  #bytes = 0;
  /** The group that was read from last. */
  #last = '';

  constructor(private readonly files: readonly FileMetaData[]) {
    this.#groups = files.map(
      ({ row_groups: groups }) => new Parts(groups.map((group) => Number(group.num_rows))),
    );
  }

  /** The picture in row `row` of file `file`. */
  async row(file: number, row: number, read: ReadRows): Promise<Uint8Array | undefined> {
    const { part, inside } = this.#groups[file]!.find(row);
    const key = `${file} ${part}`;
    // With an index of pages, one row costs one page. A second row of the same group is a sign of reading in order: then it is worth it whole.
    const isNext = this.#last === key;
    this.#last = key;
    if (!isNext && !this.#kept.has(key) && hasPageIndex(this.files[file]!, part))
      return (await read(row, row + 1))[0];
    const start = row - inside;
    const length = Number(this.files[file]!.row_groups[part]!.num_rows);
    return (await this.group(key, () => read(start, start + length)))[inside];
  }

  private group(key: string, read: () => Promise<Pictures>): Promise<Pictures> {
    const known = this.#kept.get(key);
    if (known !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known.rows;
    }
    const entry = { rows: read(), bytes: 0 };
    this.#kept.set(key, entry);
    entry.rows.then(
      (rows) => {
        entry.bytes = rows.reduce((sum, bytes) => sum + (bytes?.byteLength ?? 0), 0);
        this.#bytes += entry.bytes;
        this.drop(key);
      },
      () => this.#kept.delete(key),
    );
    return entry.rows;
  }

  private drop(but: string): void {
    for (const [key, { bytes }] of this.#kept) {
      if (this.#bytes <= KEPT) return;
      if (key === but || bytes === 0) continue;
      this.#kept.delete(key);
      this.#bytes -= bytes;
    }
  }
}

function hasPageIndex({ row_groups: groups }: FileMetaData, group: number): boolean {
  return groups[group]!.columns.every(({ offset_index_offset: offset }) => offset !== undefined);
}
