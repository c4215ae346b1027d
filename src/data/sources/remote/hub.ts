import { UsageError } from '../../../errors.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { HubClient } from '../../../runtime/fetch/hub-client.js';
import { readWhole } from '../../../runtime/fetch/read-range.js';
import { explainTransfer } from '../../../runtime/fetch/transfer-error.js';
import type { AddressedFile } from './address.js';
import type { Listing } from './listing.js';
import { MAX_TEXT, type RemoteFile } from './remote-file.js';

const ADDRESS =
  /^hf:\/\/(?:datasets\/)?([\w-][\w.-]*\/[\w-][\w.-]*)(?:@(refs\/[\w-]+\/[\w.-]+|[\w.-]+))?(?:\/(.*))?$/;

/** Files of a repository by their paths: `hf://datasets/owner/repo[@revision]`. */
export function hubFiles(server: string, options: FetchOptions): (path: string) => AddressedFile {
  const [, repo, revision = 'main'] = ADDRESS.exec(server) ?? [];
  if (repo === undefined)
    throw new UsageError(
      `"${server}" is no address of data on the hub: expected hf://datasets/owner/repo, with @revision where needed`,
    );
  const hub = new HubClient(repo, revision, server, options, 'dataset');
  return (path) => ({ name: `${server}/${path}`, remote: hub.fileAt(path), client: hub.client });
}

/**
 * A data set on the model hub: `hf://datasets/owner/repo[@revision][/path]`, where the path is a file, a folder or a pattern.
 * @throws UsageError for what is no such address, UserError for what the hub refuses
 */
export async function hubListing(address: string, options: FetchOptions): Promise<Listing> {
  const [, repo, revision = 'main', path = ''] = ADDRESS.exec(address) ?? [];
  if (repo === undefined)
    throw new UsageError(
      `"${address}" is no address of data on the hub: expected hf://datasets/owner/repo, with @revision and /path where needed`,
    );
  const hub = new HubClient(repo, revision, address, options, 'dataset');
  try {
    const entries = await hub.tree('');
    const prefix = `hf://datasets/${repo}${revision === 'main' ? '' : `@${revision}`}/`;
    const byPath = new Map(entries.map((entry) => [entry.path, entry]));
    const text = async (file: string): Promise<string | undefined> => {
      const entry = byPath.get(file);
      return (
        entry && (await readWhole(entry, prefix + file, MAX_TEXT, hub.client, options))?.toString('utf8')
      );
    };
    return {
      path: path.replace(/\/$/, ''),
      files: new Map(
        entries.map((entry): [string, RemoteFile] => [
          entry.path,
          {
            name: prefix + entry.path,
            remote: { ...entry, size: entry.size ?? 0 },
            version: entry.checksum?.hex ?? String(entry.size),
            client: hub.client,
            beside: (name) => text(entry.path.slice(0, entry.path.lastIndexOf('/') + 1) + name),
          },
        ]),
      ),
    };
  } catch (error) {
    throw explainTransfer(error, address, hub.endpoint, '');
  }
}
