import { copyFile, link, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import type { FetchOptions } from '../../runtime/fetch/fetch-options.js';
import { display } from '../../runtime/fetch/http.js';
import { unfinished } from '../../runtime/leftovers.js';
import { openJson } from '../files.js';
import { fetchFromUrl } from './fetch-url.js';
import { isList, listedNames } from './repository.js';

/**
 * Brings weights from the web: a file; with a `model.json` or an index of shards (`….index.json`) the files it lists, which lie
 * beside it on the server and in the cache.
 *
 * @throws UserError that says what is missing or refused, and what to do
 */
export async function fetchWeightsFromUrl(address: string, options: FetchOptions = {}): Promise<string> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.pathname.endsWith('/'))
    throw new UserError(
      `${display(address)} is a folder, and web servers do not say what is in one: name the file, as in ${display(address)}model.safetensors or ${display(address)}model.json`,
    );
  const path = await fetchFromUrl(address, options);
  if (url === undefined || !isList(basename(path))) return path;
  const names = listedNames(await openJson(path), display(address));
  for (const name of names) {
    const shard = new URL(url);
    shard.pathname = url.pathname.slice(0, url.pathname.lastIndexOf('/') + 1) + encodeURIComponent(name);
    await placeBeside(await fetchFromUrl(shard.href, options), join(dirname(path), name));
  }
  return path;
}

/** Gives a file of the cache a second name, in place of an older version of it. */
async function placeBeside(file: string, target: string): Promise<void> {
  const [found, wanted] = await Promise.all([stat(target).catch(() => undefined), stat(file)]);
  if (found?.ino === wanted.ino && found.dev === wanted.dev) return;
  const temporary = target + unfinished();
  await rm(temporary, { force: true });
  // Some disks know no second names.
  await link(file, temporary).catch(() => copyFile(file, temporary));
  await rename(temporary, target);
}
