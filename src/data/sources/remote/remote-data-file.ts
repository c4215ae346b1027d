import { UsageError, UserError } from '../../../errors.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { readRange } from '../../../runtime/fetch/read-range.js';
import { FetchFailedError } from '../../../runtime/fetch/transfer-error.js';
import { Limiter } from '../../limiter.js';
import { WrongBytesError } from '../../../runtime/fetch/transfer.js';
import { checkRange, openFileSource, type ByteSource } from '../byte-source.js';
import type { DataFile } from '../data-file.js';
import type { RemoteFile } from './remote-file.js';
import { isWorthScouting, scoutedSource } from './scouted-source.js';
import type { ShardCache } from './shard-cache.js';

/** Shards fetched ahead of the one that is read, and as many at a time. */
const AHEAD = 2;
/** So few bytes are fetched at once, whatever of them is wanted. */
const SMALL = 2 ** 22;

/**
 * Files on a server as files to read samples from. A set that fits into the cache is fetched shard by shard, those that are asked for and the next ones ahead
 * of their use; samples of shards that are not here yet, and all of a larger set, are read by range. So are the headers of tars, to list them, where the server
 * gives parts of files and the pictures are large enough for that. What must be read as a whole goes through the cache in any case.
 */
export function remoteDataFiles(
  files: readonly RemoteFile[],
  cache: ShardCache,
  options: FetchOptions,
): DataFile[] {
  const total = files.reduce((sum, { remote: { size } }) => sum + size, 0);
  const fits = total <= cache.limit;
  const begun = new Set<number>();
  const background = new Limiter(AHEAD);
  const fetchSoon = (from: number, count: number): void => {
    for (let i = from; i < Math.min(from + count, files.length); i++) {
      if (begun.has(i)) continue;
      begun.add(i);
      // What fails here fails again, and is told, when it is read.
      background
        .run(() => cache.acquire(files[i]!))
        .then(
          ({ release }) => release(),
          () => undefined,
        );
    }
  };
  return files.map((file, i) => {
    let renewed = false;
    const cached = async (): Promise<ByteSource> => {
      const lease = await fetched(() => cache.acquire(file));
      try {
        const source = await openFileSource(lease.path);
        return {
          ...source,
          file: file.name,
          close: async () => {
            await source.close();
            lease.release();
          },
        };
      } catch (error) {
        lease.release();
        throw error;
      }
    };
    return {
      name: file.name,
      size: file.remote.size,
      version: file.version,
      isRemote: true,
      async open(use = 'samples') {
        if (use === 'samples' && fits) fetchSoon(i + 1, AHEAD);
        if (use === 'whole' || (await cache.has(file))) return cached();
        const byRange = file.remote.ranges !== false && file.remote.size > SMALL;
        if (use === 'headers') {
          if (!byRange) return cached();
          const source = ranges(file, options);
          return (await isWorthScouting(source)) ? scoutedSource(source) : cached();
        }
        if (fits && !byRange) return cached();
        // Until it is here, single samples come by themselves: nobody waits for a gigabyte because of one picture.
        if (fits) fetchSoon(i, 1);
        return ranges(file, options);
      },
      beside: (name) => file.beside(name),
      published: file.published,
      async renew() {
        if (renewed) return false;
        renewed = true;
        await cache.drop(file);
        return true;
      },
    };
  });
}

/** What fails on the way of bytes is told apart from what is wrong with them. */
async function fetched<T>(fetch: () => Promise<T>): Promise<T> {
  try {
    return await fetch();
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof UsageError || error instanceof WrongBytesError)
      throw error;
    throw new FetchFailedError(error.message, { cause: error });
  }
}

function ranges({ name, remote, client }: RemoteFile, options: FetchOptions): ByteSource {
  return {
    file: name,
    size: remote.size,
    async read(offset, length) {
      checkRange({ file: name, size: remote.size }, offset, length);
      return fetched(() => readRange(remote, name, offset, length, client, options));
    },
    close: () => Promise.resolve(),
  };
}
