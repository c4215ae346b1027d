import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { writeFileAtomic } from '../../runtime/files.js';
import { cacheFolder } from '../../runtime/setup/cache.js';
import { isRecord } from '../read/json.js';
import { download } from '../../runtime/fetch/download.js';
import { isOffline } from '../../runtime/fetch/hub-environment.js';
import type { FetchOptions } from '../../runtime/fetch/fetch-options.js';
import { display, type Client } from '../../runtime/fetch/http.js';
import { explainTransfer, TransferError, withRetries } from '../../runtime/fetch/transfer-error.js';
import { clientOf, probe, type Validators } from '../../runtime/fetch/web-file.js';

/** What is known of the copy in the cache. */
interface Copy extends Validators {
  readonly file: string;
}

/** How often a file may change while it is fetched. */
const CHANGES = 3;

/**
 * Brings a file from the web into our own cache (`RECNEXT_CACHE`), by address and version, and gives its path. A copy that is
 * there is used if the server says that it is still the same.
 *
 * @throws UserError that says what is missing or refused, and what to do
 */
export async function fetchFromUrl(address: string, options: FetchOptions = {}): Promise<string> {
  const { url, client } = clientOf(address, 'the weights', options);
  const where = display(url);
  const folder = join(cacheFolder(), 'weights', digest(url));
  const copy = await readCopy(folder);
  if (isOffline()) {
    if (copy !== undefined) return join(folder, copy.file);
    throw new UserError(
      `${where} is not in the cache (${folder}), and nothing may be fetched (--offline, HF_HUB_OFFLINE): allow it, or give the path of a file`,
    );
  }
  try {
    for (let changes = 1; ; changes++) {
      try {
        return await fetchOrConfirm(url, where, folder, copy, client, options);
      } catch (error) {
        if (!(error instanceof TransferError && error.kind === 'changed') || changes === CHANGES) throw error;
      }
    }
  } catch (error) {
    if (error instanceof TransferError && copy !== undefined) {
      options.notice?.(`${where}: ${error.message}; taking the copy in the cache`);
      return join(folder, copy.file);
    }
    throw explainTransfer(error, where, url, '');
  }
}

async function fetchOrConfirm(
  url: string,
  where: string,
  folder: string,
  copy: Copy | undefined,
  client: Client,
  options: FetchOptions,
): Promise<string> {
  const remote = await withRetries(options, () => probe(url, where, copy, client));
  if (remote === 'unchanged' && copy !== undefined) return join(folder, copy.file);
  if (remote === 'unchanged') throw new UserError(`${where} answers 304 without being asked for changes`);
  const { etag, lastModified } = remote;
  const version = etag ?? lastModified;
  const name = fileName(url);
  const file = join(version === undefined ? 'unversioned' : digest(version), name);
  const target = join(folder, file);
  // Nothing tells whether such a copy is still right.
  if (version === undefined) await rm(target, { force: true });
  await download(
    { ...remote, target, label: where, file: name, cacheVariable: 'RECNEXT_CACHE' },
    client,
    options,
  );
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, COPY), JSON.stringify({ file, etag, lastModified, address: where }));
  return target;
}

const COPY = 'current.json';

async function readCopy(folder: string): Promise<Copy | undefined> {
  try {
    const copy: unknown = JSON.parse(await readFile(join(folder, COPY), 'utf8'));
    if (!isRecord(copy) || typeof copy.file !== 'string' || !existsSync(join(folder, copy.file)))
      return undefined;
    const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
    return { file: copy.file, etag: text(copy.etag), lastModified: text(copy.lastModified) };
  } catch {
    return undefined;
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** The name at the end of an address, fit for every disk: for people, the format is found by content. */
function fileName(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  const name = last.replace(/%[0-9a-f]{2}|[^\w.-]/gi, '_').slice(-100);
  return /^[.]*$/.test(name) ? 'weights' : name;
}
