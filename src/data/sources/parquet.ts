import { parquetMetadataAsync, parquetReadObjects, type AsyncBuffer, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import type { ByteSource } from './byte-source.js';
import { DamagedError } from './damage.js';
import { withSource, type DataFile } from './data-file.js';
import { checkLabel } from './labels.js';
import { imageColumns, type ImageColumns } from './parquet-schema.js';
import { RowGroups } from './row-groups.js';
import { Parts } from './sample-index.js';
import { wholeShards } from './shards.js';
import type { SourceContext } from './source-context.js';

interface Table {
  readonly file: DataFile;
  readonly metadata: FileMetaData;
  readonly columns: ImageColumns;
  readonly labels: Int32Array;
}

/**
 * Parquet files of pictures as the model hub publishes data sets: a column of structs `{bytes, path}` and one of whole numbers, named and
 * described by the metadata that the library `datasets` leaves. Labels are read at once; pictures a row group at a time, of which the last
 * ones used are kept, or a page at a time where the file has an index of them.
 *
 * @throws UserError naming file and row: no such columns, no label, damage
 */
export async function openParquet(files: readonly DataFile[], context: SourceContext): Promise<Dataset> {
  const { results: tables } = await wholeShards(files, context, openTable);
  const { classes } = tables[0]!.columns;
  for (const { file, columns } of tables)
    if (columns.classes?.join('\n') !== classes?.join('\n'))
      throw new UserError(
        `${file.name} has other classes than ${tables[0]!.file.name}: expected the same in all.`,
      );
  const parts = new Parts(tables.map(({ labels }) => labels.length));
  if (parts.length === 0) throw new UserError(`${context.source} holds no rows.`);
  const limit = classes?.length ?? context.numClasses ?? Infinity;
  let largest = -1;
  for (const { file, labels } of tables)
    labels.forEach((label, row) => {
      if (label < 0)
        throw new UserError(
          `${file.name}: row ${row} has no label (${label}): a test split cannot be scored.`,
        );
      largest = Math.max(largest, checkLabel(label, limit, `${file.name}: row ${row}`));
    });
  const groups = new RowGroups(tables.map(({ metadata }) => metadata));
  return {
    source: context.source,
    split: context.split,
    length: parts.length,
    classes,
    numClasses: classes?.length ?? context.numClasses ?? largest + 1,
    label(index) {
      const { part, inside } = parts.find(index);
      return tables[part]!.labels[inside]!;
    },
    name(index) {
      const { part, inside } = parts.find(index);
      return `${tables[part]!.file.name}#${inside}`;
    },
    async read(index) {
      const { part, inside } = parts.find(index);
      const table = tables[part]!;
      const bytes = await groups.row(part, inside, (start, end) => readPictures(table, start, end));
      if (bytes === undefined) throw new UserError(`${table.file.name}: row ${inside} has no picture in it.`);
      return bytes;
    },
  };
}

/** Both marks and the length of the metadata. */
const SMALLEST = 12;

async function openTable(file: DataFile): Promise<Table> {
  if (file.size < SMALLEST)
    throw new DamagedError(
      `${file.name} is not a parquet file: it has ${file.size} bytes, the smallest has ${SMALLEST}. Fetch it again.`,
    );
  return guarded(file, async (buffer) => {
    const metadata = await parquetMetadataAsync(buffer);
    const columns = imageColumns(metadata, file.name);
    const rows = await parquetReadObjects({ file: buffer, metadata, compressors, columns: [columns.label] });
    const labels = Int32Array.from(rows, (row, i) => {
      const label: unknown = row[columns.label];
      if (typeof label !== 'number' && typeof label !== 'bigint')
        throw new UserError(
          `${file.name}: row ${i}: expected a whole number as ${columns.label}, found ${typeof label}.`,
        );
      return Number(label);
    });
    return { file, metadata, columns, labels };
  });
}

/** Pictures of the rows from `rowStart` to before `rowEnd`, encoded. */
function readPictures(
  { file, metadata, columns: { image } }: Table,
  rowStart: number,
  rowEnd: number,
): Promise<(Uint8Array | undefined)[]> {
  return guarded(file, async (buffer) => {
    const options = { file: buffer, metadata, compressors, columns: [image], rowStart, rowEnd };
    const rows = await parquetReadObjects({ ...options, utf8: false, useOffsetIndex: true });
    return rows.map((row) => {
      const { bytes } = (row[image] ?? {}) as { bytes?: unknown };
      return bytes instanceof Uint8Array ? bytes : undefined;
    });
  });
}

/** hyparquet says what does not fit, but not in which file. */
async function guarded<T>(file: DataFile, use: (buffer: AsyncBuffer) => Promise<T>): Promise<T> {
  try {
    return await withSource(file, (source) => use(asyncBuffer(source)));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new DamagedError(
      `${file.name} cannot be read as parquet: ${(error as Error).message} (${file.size} bytes). Fetch it again.`,
      [],
      { cause: error },
    );
  }
}

function asyncBuffer(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.size,
    async slice(start, end = source.size) {
      const from = Math.max(0, start < 0 ? source.size + start : start);
      const bytes = await source.read(from, Math.max(0, Math.min(end, source.size) - from));
      // hyparquet wants the whole ArrayBuffer to be the bytes, and small Buffers share one.
      return new Uint8Array(bytes).buffer;
    },
  };
}
