import { UserError } from '../../../errors.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { display } from '../../../runtime/fetch/http.js';
import { readWhole } from '../../../runtime/fetch/read-range.js';
import { explainTransfer, withRetries } from '../../../runtime/fetch/transfer-error.js';
import { clientOf, probe } from '../../../runtime/fetch/web-file.js';
import { expandBraces } from '../patterns.js';
import { MAX_TEXT, type RemoteFile } from './remote-file.js';

/** Servers asked at the same time. */
const PARALLEL = 8;

/**
 * Files on the web: an address, or several with braces (`https://…/train-{000..127}.tar`). Web servers tell no lists, so there are no
 * other patterns, and no folders.
 */
export async function webFiles(address: string, options: FetchOptions): Promise<RemoteFile[]> {
  const addresses = expandBraces(address);
  const files: RemoteFile[] = [];
  for (let i = 0; i < addresses.length; i += PARALLEL)
    files.push(...(await Promise.all(addresses.slice(i, i + PARALLEL).map((one) => webFile(one, options)))));
  return files;
}

async function webFile(address: string, options: FetchOptions): Promise<RemoteFile> {
  const { url, client } = clientOf(address, 'the data', options);
  const name = display(url);
  try {
    const remote = await withRetries(options, () => probe(url, name, undefined, client));
    if (remote === 'unchanged' || remote.size === undefined)
      throw new UserError(`${name}: the server does not tell the size of the file: fetch it by other means.`);
    const { size, etag, lastModified } = remote;
    return {
      name,
      remote: { ...remote, size },
      version: `${size} ${etag ?? lastModified ?? ''}`,
      client,
      async beside(file) {
        const other = { ...remote, url: new URL(file, url).href, etag: undefined, size: undefined };
        return (await readWhole(other, display(other.url), MAX_TEXT, client, options))?.toString('utf8');
      },
    };
  } catch (error) {
    throw explainTransfer(error, name, url, '');
  }
}
