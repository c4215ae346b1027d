import { UserError } from '../../../errors.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { display, type Client } from '../../../runtime/fetch/http.js';
import { isOffline } from '../../../runtime/fetch/hub-environment.js';
import type { Remote } from '../../../runtime/fetch/transfer.js';

/** A file on a server that was not asked for yet: whether it is there is not known, nor its size. */
export interface AddressedFile {
  /** Its address for messages: without what signs or authorises it. */
  readonly name: string;
  readonly remote: Remote;
  readonly client: Client;
}

/** Files by their addresses: `https://…`, `s3://bucket/key`, `hf://datasets/owner/repo[@revision]/path`. */
export class Addresses {
  /** Buckets and repositories by their names: many files share one. */
  readonly #servers = new Map<string, Promise<(path: string) => AddressedFile>>();

  constructor(private readonly options: FetchOptions) {}

  /** @throws UserError for an address that is none, or when nothing may be fetched */
  async of(address: string): Promise<AddressedFile> {
    if (isOffline())
      throw new UserError(
        `${nameOf(address)}: nothing may be fetched (--offline, HF_HUB_OFFLINE): give a path on this machine.`,
      );
    if (/^https?:/i.test(address)) {
      const { clientOf, unknownFile } = await import('../../../runtime/fetch/web-file.js');
      const { url, client } = clientOf(address, 'a picture', this.options);
      const name = display(url);
      return { name, remote: unknownFile(url, name), client };
    }
    const [, server, path] =
      /^(s3:\/\/[^/]+|hf:\/\/(?:datasets\/)?[^/]+\/[^/@]+(?:@(?:refs\/[^/]+\/[^/]+|[^/]+))?)\/(.+)$/i.exec(
        address,
      ) ?? [];
    if (server === undefined || path === undefined)
      throw new UserError(
        `"${address}" is no address of a file: expected s3://bucket/path or hf://datasets/owner/repo/path.`,
      );
    let files = this.#servers.get(server);
    if (files === undefined) this.#servers.set(server, (files = this.filesOf(server)));
    return (await files)(path);
  }

  private async filesOf(server: string): Promise<(path: string) => AddressedFile> {
    if (/^s3:/i.test(server)) return (await import('./bucket.js')).bucketFiles(server, this.options);
    return (await import('./hub.js')).hubFiles(server, this.options);
  }
}

/** An address for messages: what signs or authorises it is left out. */
export function nameOf(address: string): string {
  return /^https?:/i.test(address) && URL.canParse(address) ? display(address) : address;
}

/** The address of a path that is relative to the folder of another address. */
export function besideAddress(address: string, relative: string): string {
  const parts = relative.replaceAll('\\', '/').split('/');
  if (/^https?:/i.test(address)) return new URL(parts.map(encodeURIComponent).join('/'), address).href;
  const [, server, inside] = /^([a-z0-9]+:\/\/[^/]+)\/(.*)$/i.exec(address)!;
  const folders = inside!.split('/').slice(0, -1);
  for (const part of parts) {
    if (part === '..') folders.pop();
    else if (part !== '.' && part !== '') folders.push(part);
  }
  return `${server}/${folders.join('/')}`;
}
