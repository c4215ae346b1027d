import path from 'node:path';
import { UserError } from '../../../errors.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { isOffline } from '../../../runtime/fetch/hub-environment.js';
import type { Dataset, Split } from '../../dataset.js';
import type { Kind } from '../kinds.js';
import { openPacked } from '../open-packed.js';
import type { SourceContext } from '../source-context.js';
import { chooseFiles, type Listing } from './listing.js';
import { withManifest } from './manifest.js';
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
  const { files: found, split } = await remoteFiles(scheme, address, kind, context.wanted, options);
  const files = await withManifest(found);
  const folder = path.join(options.cacheDir, 'shards');
  const bytes = files.reduce((sum, { remote: { size } }) => sum + size, 0);
  context.notice(
    `${withoutSecrets(address)}: ${files.length} files, ${gigabytes(bytes)}; fetched into ${folder}, which may take ${gigabytes(options.cacheLimit)}`,
  );
  // Shards come in the background, many at a time: a line and a bar for each would drown everything else.
  const { signal, timing } = options;
  const cache = new ShardCache(folder, options.cacheLimit, { signal, timing });
  const source = withoutSecrets(address);
  return openPacked(remoteDataFiles(files, cache, options), kind, { ...context, source, split });
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

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
