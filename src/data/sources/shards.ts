import { UserError } from '../../errors.js';
import type { ByteSource } from './byte-source.js';
import { withSource, type DataFile } from './data-file.js';
import type { SampleIndex } from './sample-index.js';
import type { SourceContext } from './source-context.js';

/** Shards listed at the same time. */
const PARALLEL = 8;

/**
 * Lists shards, each once, several at a time; what is known from before is not listed again. A shard that is damaged is fetched again if it
 * came from elsewhere; one that stays broken is left out with a report, or refused, as the context says.
 *
 * @param reading what the listing depends on besides the bytes
 */
export async function indexShards(
  files: readonly DataFile[],
  reading: string,
  context: SourceContext,
  list: (source: ByteSource, file: DataFile) => Promise<SampleIndex>,
): Promise<{ files: readonly DataFile[]; indexes: readonly SampleIndex[] }> {
  const kept: DataFile[] = [];
  const indexes: SampleIndex[] = [];
  const indexOf = (file: DataFile): Promise<SampleIndex> =>
    context.index.of(file, reading, () => listOnceMore(file, context, list));
  for (let i = 0; i < files.length; i += PARALLEL) {
    const some = files.slice(i, i + PARALLEL);
    const found = await Promise.allSettled(some.map(indexOf));
    for (const [k, result] of found.entries()) {
      if (result.status === 'fulfilled') {
        kept.push(some[k]!);
        indexes.push(result.value);
      } else if (context.onBroken === 'fail' || !(result.reason instanceof UserError)) throw result.reason;
      else context.notice(`left out: ${result.reason.message}`);
    }
  }
  if (kept.length === 0)
    throw new UserError(`${context.source}: all of its ${files.length} shards are broken: fetch them again.`);
  return { files: kept, indexes };
}

/** Lists a shard; one whose bytes are damaged a second time, if it can be fetched again. What fails on its way is not damage. */
async function listOnceMore(
  file: DataFile,
  { notice }: SourceContext,
  list: (source: ByteSource, file: DataFile) => Promise<SampleIndex>,
): Promise<SampleIndex> {
  const first = await attempt(file, list);
  if (!(first instanceof UserError)) return first;
  if (!(await file.renew())) throw first;
  notice(`${first.message} Fetching it again.`);
  const second = await attempt(file, list);
  if (second instanceof UserError) throw second;
  return second;
}

/** The list of a shard, or what is wrong with its bytes. */
function attempt(
  file: DataFile,
  list: (source: ByteSource, file: DataFile) => Promise<SampleIndex>,
): Promise<SampleIndex | UserError> {
  const whole = true;
  return withSource(
    file,
    (source) =>
      list(source, file).catch((error: unknown) => {
        if (error instanceof UserError) return error;
        throw error;
      }),
    whole,
  );
}
