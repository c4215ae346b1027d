import { UsageError, UserError } from '../../errors.js';
import { FetchFailedError } from '../../runtime/fetch/transfer-error.js';
import { WrongBytesError } from '../../runtime/fetch/transfer.js';
import { describeBroken, type BrokenShard } from './broken-shard.js';
import { DamagedError } from './damage.js';
import type { DataFile } from './data-file.js';
import type { SampleIndex } from './sample-index.js';
import type { SourceContext } from './source-context.js';

/** Shards listed at the same time. */
const PARALLEL = 8;

/** Shards that are whole, and what was made of each. */
export interface WholeShards<T> {
  readonly files: readonly DataFile[];
  readonly results: readonly T[];
}

/**
 * Opens shards, several at a time. One whose bytes are damaged is fetched again if it came from elsewhere; one that stays broken is left out with a report, or
 * refused, as the context says. A network or a server that fails, or labels that are none, are no damage: they end the opening in any case.
 *
 * @param open reads what must be known of a shard; throws DamagedError for one that is damaged
 */
export async function wholeShards<T>(
  shards: readonly DataFile[],
  context: SourceContext,
  open: (file: DataFile) => Promise<T>,
): Promise<WholeShards<T>> {
  const files: DataFile[] = [];
  const results: T[] = [];
  let reason: string | undefined;
  // Without its only shard nothing is left of a set: what is wrong with it is the error.
  const onBroken = shards.length === 1 ? 'fail' : context.onBroken;
  for (let i = 0; i < shards.length; i += PARALLEL) {
    const some = shards.slice(i, i + PARALLEL);
    const found = await Promise.all(some.map((file) => openOnceMore(file, { ...context, onBroken }, open)));
    for (const [k, { value, broken }] of found.entries()) {
      if (broken === undefined) {
        files.push(some[k]!);
        results.push(value);
      } else reason ??= broken.reason;
    }
  }
  if (files.length === 0)
    throw new UserError(
      `${context.source}: all of its ${shards.length} shards are broken, the first: ${reason} Fetch them again.`,
    );
  return { files, results };
}

/** Opens a shard; one whose bytes are damaged a second time, if it can be fetched again. One that stays so is left out, or ends it. */
async function openOnceMore<T>(
  file: DataFile,
  context: SourceContext,
  open: (file: DataFile) => Promise<T>,
): Promise<{ value: T; broken?: undefined } | { value?: undefined; broken: BrokenShard }> {
  let fetchedAgain = false;
  for (;;)
    try {
      return { value: await open(file) };
    } catch (error) {
      // A cache that is too small is no fault of the shard's either.
      const isOfShard = error instanceof UserError && !(error instanceof UsageError);
      if (!isOfShard || error instanceof FetchFailedError) throw error;
      // Those have come twice already.
      fetchedAgain ||= error instanceof WrongBytesError;
      if (!fetchedAgain && (await file.renew())) {
        fetchedAgain = true;
        context.notice(`fetching it again: ${error.message}`);
        continue;
      }
      const isDamaged = error instanceof DamagedError || error instanceof WrongBytesError;
      if (context.onBroken === 'fail' || !isDamaged) throw error;
      const broken = await describeBroken(file, error, fetchedAgain);
      context.notice(`left out: ${broken.reason}`);
      context.onBrokenShard(broken);
      return { broken };
    }
}

/**
 * Lists shards, each once; what is known from before is not listed again.
 *
 * @param reading what the listing depends on besides the bytes
 */
export async function indexShards(
  shards: readonly DataFile[],
  reading: string,
  context: SourceContext,
  list: (file: DataFile) => Promise<SampleIndex>,
): Promise<{ files: readonly DataFile[]; indexes: readonly SampleIndex[] }> {
  const { files, results } = await wholeShards(shards, context, (file) =>
    context.index.of(file, reading, () => list(file)),
  );
  return { files, indexes: results };
}
