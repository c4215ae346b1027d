import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { openJson } from '../files.js';
import { download } from '../../runtime/fetch/download.js';
import { hubEnvironment, isOffline } from '../../runtime/fetch/hub-environment.js';
import type { FetchOptions } from '../../runtime/fetch/fetch-options.js';
import { COMMIT, HubCache } from './hub-cache.js';
import { HubClient } from '../../runtime/fetch/hub-client.js';
import { parseHubSpec, type HubSpec } from './hub-spec.js';
import { chooseFiles, isList, listedFiles, type Choice, type ChooseOptions } from './repository.js';
import { explainTransfer, TransferError } from '../../runtime/fetch/transfer-error.js';

/**
 * Brings weights from the model hub into the cache that all its clients share, and gives the folder, or the file that was named.
 *
 * @throws UserError that says what is missing or refused, and what to do
 */
export async function fetchFromHub(
  address: string,
  options: FetchOptions & ChooseOptions = {},
): Promise<string> {
  const spec = parseHubSpec(address);
  const { cache: folder, endpoint } = hubEnvironment();
  const cache = new HubCache(folder, spec.repo);
  if (isOffline()) return fromCache(spec, cache, address, options);
  // A commit never changes: what the cache has of it needs no question.
  if (COMMIT.test(spec.revision) && spec.file !== undefined && !isList(spec.file)) {
    const path = join(cache.snapshot(spec.revision), spec.file);
    if (existsSync(path)) return path;
  }
  try {
    return await fromHub(spec, cache, address, options);
  } catch (error) {
    if (error instanceof TransferError) {
      const cached = await fromCache(spec, cache, address, options).catch(() => undefined);
      if (cached !== undefined) {
        options.notice?.(`${new URL(endpoint).host}: ${error.message}; taking ${address} from the cache`);
        return cached;
      }
    }
    throw explainTransfer(error, address, endpoint, `, or copy the cache of another machine to ${folder}`);
  }
}

async function fromHub(
  spec: HubSpec,
  cache: HubCache,
  address: string,
  options: FetchOptions & ChooseOptions,
): Promise<string> {
  const hub = new HubClient(spec.repo, spec.revision, address, options);
  const { commit, files: there } = await hub.list();
  const bring = async (file: string): Promise<string> => {
    const path = join(cache.snapshot(commit), file);
    if (existsSync(path)) return path;
    const remote = await hub.describe(commit, file);
    const target = cache.blob(remote.etag);
    await download(
      {
        ...remote,
        // What the CDN calls it is something else.
        etag: undefined,
        target,
        label: `${spec.repo}/${file}`,
        file,
        cacheVariable: 'HF_HUB_CACHE',
      },
      hub.client,
      options,
    );
    await cache.place(target, commit, file);
    return path;
  };
  const { folder, files } = wanted(spec, there, address, options);
  for (const file of files) {
    const path = await bring(file);
    if (isList(file))
      for (const listed of listedFiles(await openJson(path), folder, there, `${address}: ${file}`))
        await bring(listed);
  }
  await cache.remember(spec.revision, commit);
  return join(cache.snapshot(commit), spec.file ?? '');
}

/** The file that was named, or the weights of the folder that was named. */
function wanted(
  { file, repo, revision }: HubSpec,
  there: readonly string[],
  address: string,
  options: ChooseOptions,
): Choice {
  if (file === undefined) return chooseFiles('', there, address, options);
  if (there.includes(file)) return { folder: file.slice(0, file.lastIndexOf('/') + 1), files: [file] };
  if (there.some((other) => other.startsWith(`${file}/`)))
    return chooseFiles(`${file}/`, there, address, options);
  const some = there.slice(0, 8).join(', ') + (there.length > 8 ? ', …' : '');
  throw new UserError(
    `${address}: ${repo} has no file ${file} at revision ${revision}; it has ${some || 'none'}`,
  );
}

/** What the cache has, as the hub would give it. */
async function fromCache(
  spec: HubSpec,
  cache: HubCache,
  address: string,
  options: ChooseOptions,
): Promise<string> {
  const commit = cache.commitOf(spec.revision);
  const there = commit === undefined ? [] : await cache.files(commit);
  if (commit === undefined || there.length === 0)
    throw new UserError(
      `${address} is not in the cache (${dirname(dirname(cache.snapshot('-')))}), and nothing may be fetched (--offline, HF_HUB_OFFLINE): allow it, or give the path of a file`,
    );
  const { folder, files } = wanted(spec, there, address, options);
  for (const file of files.filter(isList))
    listedFiles(await openJson(join(cache.snapshot(commit), file)), folder, there, `${address}: ${file}`);
  return join(cache.snapshot(commit), spec.file ?? '');
}
