import { UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import { withSource, type DataFile } from './data-file.js';
import { packedKind, type Kind } from './kinds.js';
import type { SourceContext } from './source-context.js';
import { openTars } from './tars.js';
import { isTfRecord, RECORD_HEAD } from './tfrecord-index.js';
import { openTfRecords } from './tfrecords.js';

/**
 * Opens files that hold many samples each: tars, TFRecord or parquet files.
 * @param kind what the user says they are
 * @throws UserError for files of several kinds, or of none
 */
export async function openPacked(
  files: readonly DataFile[],
  kind: Kind | undefined,
  context: SourceContext,
): Promise<Dataset> {
  const found = kind ?? (await kindOf(files, context));
  switch (found) {
    case 'tar':
      return openTars(files, 'auto', context);
    case 'webdataset':
      return openTars(files, 'webdataset', context);
    case 'tfrecord':
      return openTfRecords(files, 'auto', context);
    case 'tfrecord-0':
      return openTfRecords(files, 0, context);
    case 'tfrecord-1':
      return openTfRecords(files, 1, context);
    case 'parquet': {
      const { openParquet } = await import('./parquet.js');
      return openParquet(files, context);
    }
    case 'folders':
    case 'list':
      // A tar of class folders, or of pictures with a list: what else lies beside the pictures means nothing.
      if (packedKind(files[0]!.name) === 'tar') return openTars(files, 'pictures', context);
      throw notThat(found, context);
    case 'cifar':
    case 'inaturalist':
    case 'csv':
      throw notThat(found, context);
  }
}

function notThat(kind: Kind, { source }: SourceContext): UserError {
  return new UserError(`${source} is a file of many samples, not ${kind}: leave "${kind}:" away.`);
}

async function kindOf(files: readonly DataFile[], { source }: SourceContext): Promise<Kind> {
  const first = files[0]!;
  const kind = packedKind(first.name) ?? ((await beginsAsTfRecord(first)) ? 'tfrecord' : undefined);
  if (kind === undefined)
    throw new UserError(
      `${source} is a file: expected a folder of class folders, a .tar, .parquet or TFRecord file, a .csv, or a pattern of such files.`,
    );
  const other = files.find(({ name }) => (packedKind(name) ?? kind) !== kind);
  if (other !== undefined)
    throw new UserError(`${source} stands for files of several kinds: ${first.name} and ${other.name}.`);
  return kind;
}

/** TFRecord files may be called anything. */
async function beginsAsTfRecord(file: DataFile): Promise<boolean> {
  if (file.size < RECORD_HEAD) return false;
  return withSource(file, async (source) => isTfRecord(await source.read(0, RECORD_HEAD)));
}
