import { UsageError, UserError } from '../../../errors.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { readRange } from '../../../runtime/fetch/read-range.js';
import { FetchFailedError } from '../../../runtime/fetch/transfer-error.js';
import { WrongBytesError } from '../../../runtime/fetch/transfer.js';
import { checkRange, openFileSource, type ByteSource } from '../byte-source.js';
import type { DataFile } from '../data-file.js';
import type { RemoteFile } from './remote-file.js';
import type { ShardCache } from './shard-cache.js';

/** Shards fetched ahead of the one that is read. */
const AHEAD = 2;

/**
 * Files on a server as files to read samples from. A set that fits into the cache is fetched shard by shard, the next ones ahead of their
 * use; of a larger one, single samples are read by range, so that reading in any order does not fetch shards again and again. What must be
 * read as a whole, to be listed, goes through the cache in any case.
 */
export function remoteDataFiles(
  files: readonly RemoteFile[],
  cache: ShardCache,
  options: FetchOptions,
): DataFile[] {
  const total = files.reduce((sum, { remote: { size } }) => sum + size, 0);
  const fits = total <= cache.limit;
  const prefetched = new Set<number>();
  const prefetch = (from: number): void => {
    for (let i = from; i < Math.min(from + AHEAD, files.length); i++) {
      if (prefetched.has(i)) continue;
      prefetched.add(i);
      // What fails here fails again, and is told, when it is read.
      cache.acquire(files[i]!).then(
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
      async open(whole = false) {
        if (fits && !whole) prefetch(i + 1);
        return whole || fits || (await cache.has(file)) ? cached() : ranges(file, options);
      },
      beside: (name) => file.beside(name),
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
