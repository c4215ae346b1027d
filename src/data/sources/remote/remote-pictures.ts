import path from 'node:path';
import { UserError } from '../../../errors.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { readWhole } from '../../../runtime/fetch/read-range.js';
import { isAddress, type PictureStore } from '../picture-store.js';
import type { RemoteOptions } from '../source-context.js';
import { Addresses, besideAddress, nameOf, type AddressedFile } from './address.js';
import { PictureCache } from './picture-cache.js';

/** Larger files are no pictures that the decoder takes. */
const MAX_PICTURE = 2 ** 28;

/**
 * Pictures on servers, a request each, kept in a folder of bounded size.
 * @param base address of the list that names them; undefined: all of them have addresses of their own
 */
export function remotePictures(base: string | undefined, options: RemoteOptions): PictureStore {
  const addresses = new Addresses(options);
  const cache = new PictureCache(path.join(options.cacheDir, 'pictures'), options.cacheLimit);
  const addressOf = (name: string): string =>
    isAddress(name) || base === undefined ? name : besideAddress(base, name);
  const read = async (name: string): Promise<Uint8Array> => {
    const address = addressOf(name);
    return cache.of(address, async () => readPicture(await addresses.of(address), options));
  };
  return {
    root: base === undefined ? '' : nameOf(base.slice(0, base.lastIndexOf('/') + 1)),
    name: (name) => nameOf(addressOf(name)),
    read,
    check: async (name) => void (await read(name)),
  };
}

/**
 * A picture, whole.
 * @throws UserError when there is none, FetchFailedError when it cannot be told for the network or the server
 */
export async function readPicture(
  { name, remote, client }: AddressedFile,
  options: FetchOptions,
): Promise<Uint8Array> {
  const bytes = await readWhole(remote, name, MAX_PICTURE, client, options, true);
  if (bytes === undefined) throw new UserError(`${name} is not there: the server has no such file.`);
  if (remote.size !== undefined && remote.size !== bytes.length)
    throw new UserError(
      `${name}: the server sent ${bytes.length} bytes, expected ${remote.size}: did the file change? Start again.`,
    );
  return bytes;
}
