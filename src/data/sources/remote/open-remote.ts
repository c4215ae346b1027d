import path from 'node:path';
import { UsageError, UserError } from '../../../errors.js';
import { isOffline } from '../../../runtime/fetch/hub-environment.js';
import type { Dataset } from '../../dataset.js';
import { isINaturalist } from '../inaturalist.js';
import { packedKind, type Kind } from '../kinds.js';
import { openPacked } from '../open-packed.js';
import type { SourceContext } from '../source-context.js';
import { Addresses, besideAddress } from './address.js';
import { openListedPictures, openRemoteCsv, openRemoteINaturalist, readText } from './listed-pictures.js';
import { chooseFiles, type Listing } from './listing.js';
import { withManifest } from './manifest.js';
import { remoteDataFiles } from './remote-data-file.js';
import type { RemoteFile } from './remote-file.js';
import { ShardCache } from './shard-cache.js';

/**
 * Opens data that lie on a server: shards, pictures in class folders or with a list, a CSV, iNaturalist's json.
 * @throws UserError for schemes that are not known, and for what the server or the network refuses
 */
export async function openRemote(
  scheme: string,
  address: string,
  kind: Kind | undefined,
  context: SourceContext,
): Promise<Dataset> {
  const source = withoutSecrets(address);
  const known = { ...context, source };
  if (['http', 'https', 'hf', 's3'].includes(scheme) && isOffline())
    throw new UserError(
      `${source}: nothing may be fetched (--offline, HF_HUB_OFFLINE): give a path on this machine.`,
    );
  switch (scheme) {
    case 'http':
    case 'https': {
      if (!URL.canParse(address))
        throw new UsageError(`"${source}" is no address: expected https://host/path.`);
      const { pathname } = new URL(address);
      if (isCsv(pathname, kind)) return openWebCsv(address, known);
      if (isList(pathname, kind))
        return openRemoteINaturalist(await new Addresses(known.remote).of(address), address, known);
      const { webFiles } = await import('./web.js');
      return openShards(await webFiles(address, context.remote), kind, known);
    }
    case 'hf': {
      const { hubListing } = await import('./hub.js');
      return openListing(await hubListing(address, context.remote), kind, known);
    }
    case 's3': {
      const { bucketListing } = await import('./bucket.js');
      return openListing(await bucketListing(address, context.remote), kind, known);
    }
    default:
      throw new UserError(
        `${source}: ${scheme}:// is not supported as a data source: expected https://, hf://, s3:// or a path.`,
      );
  }
}

/** What a server has that knows its files. */
async function openListing(
  listing: Listing,
  kind: Kind | undefined,
  context: SourceContext,
): Promise<Dataset> {
  const { source } = context;
  const { path: place, files } = listing;
  const csv = csvOf(listing, kind, source);
  if (csv !== undefined) return openRemoteCsv(csv, csv.beside, csv.name, context);
  const one = files.get(place);
  if (one !== undefined && isList(place, kind)) return openRemoteINaturalist(one, one.name, context);
  if (kind !== 'folders' && kind !== 'list') {
    const chosen = chooseFiles(listing, source, kind, context.wanted);
    if (chosen !== undefined) return openShards(chosen.files, kind, { ...context, split: chosen.split });
  }
  const pictures = kind === undefined || kind === 'folders' || kind === 'list';
  const dataset = pictures ? await openListedPictures(listing, source, context) : undefined;
  if (dataset !== undefined) return dataset;
  throw new UserError(
    `${source} holds nothing to read: expected .tar, .parquet or TFRecord files, class folders with pictures, or a .csv; found ${[...files.keys()].slice(0, 5).join(', ') || 'nothing'}.`,
  );
}

const isCsv = (file: string, kind: Kind | undefined): boolean =>
  kind === 'csv' || (kind === undefined && /\.csv$/i.test(file));

/** Whether it is a list of iNaturalist. */
const isList = (file: string, kind: Kind | undefined): boolean =>
  kind === 'inaturalist' || (kind === undefined && isINaturalist(file));

/** The CSV that is meant: named, or the only one of a folder that has no shards. */
function csvOf(
  { path: place, files }: Listing,
  kind: Kind | undefined,
  source: string,
): RemoteFile | undefined {
  const one = files.get(place);
  if (one !== undefined) return isCsv(place, kind) ? one : undefined;
  if (kind !== undefined && kind !== 'csv') return undefined;
  const prefix = place === '' ? '' : `${place}/`;
  const inside = [...files.keys()].filter(
    (file) => file.startsWith(prefix) && !file.slice(prefix.length).includes('/'),
  );
  if (kind === undefined && inside.some((file) => packedKind(file) !== undefined)) return undefined;
  const lists = inside.filter((file) => /\.csv$/i.test(file));
  if (lists.length > 1)
    throw new UsageError(
      `${source} holds several lists (${lists.slice(0, 4).join(', ')}): name the one that is meant.`,
    );
  if (kind === 'csv' && lists.length === 0) throw new UserError(`${source} holds no .csv file.`);
  return lists.length === 1 ? files.get(lists[0]!) : undefined;
}

async function openWebCsv(address: string, context: SourceContext): Promise<Dataset> {
  const addresses = new Addresses(context.remote);
  const file = await addresses.of(address);
  const beside = async (name: string): Promise<string | undefined> =>
    readText(await addresses.of(besideAddress(address, name)), context.remote);
  return openRemoteCsv(file, beside, address, context);
}

async function openShards(
  found: readonly RemoteFile[],
  kind: Kind | undefined,
  context: SourceContext,
): Promise<Dataset> {
  const { source, remote } = context;
  const files = await withManifest(found);
  const folder = path.join(remote.cacheDir, 'shards');
  const bytes = files.reduce((sum, { remote: { size } }) => sum + size, 0);
  context.notice(
    `${source}: ${files.length} files, ${gigabytes(bytes)}; fetched into ${folder}, which may take ${gigabytes(remote.cacheLimit)}`,
  );
  // Shards come in the background, many at a time: a line and a bar for each would drown everything else.
  const { signal, timing } = remote;
  const cache = new ShardCache(folder, remote.cacheLimit, { signal, timing });
  return openPacked(remoteDataFiles(files, cache, remote), kind, context);
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

/** An address for messages: what signs or authorises it is left out. */
function withoutSecrets(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/, '');
}
