import path from 'node:path';
import { UserError } from '../../../errors.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { isOffline } from '../../../runtime/fetch/hub-environment.js';
import type { Dataset, Split } from '../../dataset.js';
import type { Kind } from '../kinds.js';
import { openPacked } from '../open-packed.js';
import type { SourceContext } from '../source-context.js';
import { chooseFiles, type Listing } from './listing.js';
import { remoteDataFiles } from './remote-data-file.js';
import type { RemoteFile } from './remote-file.js';
import { ShardCache } from './shard-cache.js';

/** Where shards that are fetched go, and how much of them. */
export interface CacheOptions {
  readonly cacheDir: string;
  /** Bytes. */
  readonly cacheLimit: number;
}

/**
 * Opens shards that lie on a server.
 * @throws UserError for schemes that are not known, and for what the server or the network refuses
 */
export async function openRemote(
  scheme: string,
  address: string,
  kind: Kind | undefined,
  context: SourceContext,
  options: FetchOptions & CacheOptions,
): Promise<Dataset> {
  const { files, split } = await remoteFiles(scheme, address, kind, context.wanted, options);
  const cache = new ShardCache(path.join(options.cacheDir, 'shards'), options.cacheLimit, options);
  const source = withoutSecrets(address);
  return openPacked(remoteDataFiles(files, cache, options), kind, { ...context, source, split });
}

/** An address for messages: what signs or authorises it is left out. */
function withoutSecrets(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/, '');
}

async function remoteFiles(
  scheme: string,
  address: string,
  kind: Kind | undefined,
  wanted: Split | undefined,
  options: FetchOptions,
): Promise<{ readonly files: readonly RemoteFile[]; readonly split: Split | undefined }> {
  const source = withoutSecrets(address);
  const choose = (listing: Listing) => chooseFiles(listing, source, kind, wanted);
  if (['http', 'https', 'hf', 's3'].includes(scheme) && isOffline())
    throw new UserError(
      `${source}: nothing may be fetched (--offline, HF_HUB_OFFLINE): give a path on this machine.`,
    );
  switch (scheme) {
    case 'http':
    case 'https': {
      const { webFiles } = await import('./web.js');
      return { files: await webFiles(address, options), split: wanted };
    }
    case 'hf': {
      const { hubListing } = await import('./hub.js');
      return choose(await hubListing(address, options));
    }
    case 's3': {
      const { bucketListing } = await import('./bucket.js');
      return choose(await bucketListing(address, options));
    }
    default:
      throw new UserError(
        `${source}: ${scheme}:// is not supported as a data source: expected https://, hf://, s3:// or a path.`,
      );
  }
}
