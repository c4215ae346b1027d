import { downloadFileToCacheDir, modelInfo, pathsInfo, HubApiError, type PathInfo } from '@huggingface/hub';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { writeFileAtomic } from '../../runtime/files.js';
import { parseHubSpec, type HubSpec } from './hub-spec.js';

/** Weight files of a repository, best first, and what belongs to them. */
const WEIGHTS = ['model.safetensors', 'pytorch_model.bin'];
const CONFIG = 'config.json';

export interface HubOptions {
  /** Told which file is fetched, and how large it is. */
  readonly notice?: (line: string) => void;
}

/**
 * Brings weights from the model hub into the cache that Python's huggingface_hub shares (`HF_HUB_CACHE`, `HF_HOME`), and
 * gives the folder, or the file that was named. `HF_ENDPOINT` is honoured; `HF_HUB_OFFLINE=1` takes what the cache has.
 *
 * @throws UserError that says what is missing or refused, and what to do
 */
export async function fetchFromHub(address: string, { notice }: HubOptions = {}): Promise<string> {
  const spec = parseHubSpec(address);
  if (isOffline()) return fromCache(spec, address);
  try {
    const hub = { hubUrl: endpoint(), accessToken: token() };
    const repo = { type: 'model', name: spec.repo } as const;
    // One commit for all files: the library keeps files by the commit it is given.
    const { sha } = await modelInfo({
      ...hub,
      name: spec.repo,
      revision: spec.revision,
      additionalFields: ['sha'],
    });
    const wanted = spec.file === undefined ? [CONFIG, ...WEIGHTS] : [spec.file];
    const there = await pathsInfo({ ...hub, repo, revision: sha, paths: wanted });
    const files = choose(spec, there, address);
    let last = '';
    for (const { path, size } of files) {
      notice?.(`${spec.repo}: ${path} (${(size / 1e6).toFixed(1)} MB)`);
      last = await quietly(() => downloadFileToCacheDir({ ...hub, repo, revision: sha, path }));
    }
    await rememberRevision(spec, sha);
    return spec.file === undefined ? dirname(last) : last;
  } catch (error) {
    throw explain(error, spec, address);
  }
}

/** config.json, if there is one, then the best weight file. */
function choose({ file, repo }: HubSpec, there: readonly PathInfo[], address: string): PathInfo[] {
  const found = (path: string): PathInfo | undefined => there.find((info) => info.path === path);
  const weights = (file === undefined ? WEIGHTS : [file]).map(found).find((info) => info !== undefined);
  if (weights === undefined) {
    throw new UserError(
      `${address}: ${repo} has no ${file ?? WEIGHTS.join(' or ')}; name the file: hf://${repo}/FILE`,
    );
  }
  const config = file === undefined ? found(CONFIG) : undefined;
  return config === undefined ? [weights] : [config, weights];
}

function explain(error: unknown, { repo, revision }: HubSpec, address: string): Error {
  if (error instanceof UserError) return error;
  if (error instanceof HubApiError) {
    const { statusCode } = error;
    if (statusCode === 404)
      return new UserError(`${address}: the hub has no ${repo} at revision ${revision}`);
    if (statusCode === 401 || statusCode === 403) {
      return new UserError(
        `${address}: the hub refuses access (${statusCode}); set HF_TOKEN to a token that may read ${repo}`,
      );
    }
    return new UserError(`${address}: the hub answers ${statusCode}; try again later`);
  }
  const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).message;
  return new UserError(
    `${address}: ${endpoint()} cannot be reached (${cause}). Download the file by other means and give its path, or set HF_HUB_OFFLINE=1 if it is in the cache`,
    { cause: error },
  );
}

function isOffline(): boolean {
  return /^(1|true|yes|on)$/i.test(process.env.HF_HUB_OFFLINE ?? '');
}

function endpoint(): string {
  return (process.env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/+$/, '');
}

/** The user's token, where huggingface_hub keeps it. Never printed. */
function token(): string | undefined {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH } = process.env;
  const path = HF_TOKEN_PATH ?? join(hubHome(), 'token');
  const text = HF_TOKEN ?? HUGGING_FACE_HUB_TOKEN ?? (existsSync(path) ? readFileSync(path, 'utf8') : '');
  return text.trim() === '' ? undefined : text.trim();
}

function hubHome(): string {
  return process.env.HF_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
}

/** Folder of a repository in the cache, as huggingface_hub lays it out. */
function repoFolder(repo: string): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = process.env;
  return join(
    HF_HUB_CACHE ?? HUGGINGFACE_HUB_CACHE ?? join(hubHome(), 'hub'),
    `models--${repo.replace('/', '--')}`,
  );
}

function refPath({ repo, revision }: HubSpec): string {
  return join(repoFolder(repo), 'refs', revision);
}

/** Which commit a branch was at, as huggingface_hub notes it: what offline mode goes by. */
async function rememberRevision(spec: HubSpec, sha: string): Promise<void> {
  if (spec.revision === sha) return;
  await mkdir(dirname(refPath(spec)), { recursive: true });
  await writeFileAtomic(refPath(spec), sha);
}

function fromCache(spec: HubSpec, address: string): string {
  const ref = refPath(spec);
  const commit = existsSync(ref) ? readFileSync(ref, 'utf8').trim() : spec.revision;
  const folder = join(repoFolder(spec.repo), 'snapshots', commit);
  const wanted = spec.file === undefined ? WEIGHTS : [spec.file];
  const file = wanted.find((name) => existsSync(join(folder, name)));
  if (file === undefined) {
    throw new UserError(`${address} is not in the cache (${folder}), and HF_HUB_OFFLINE forbids to fetch it`);
  }
  return spec.file === undefined ? folder : join(folder, file);
}

/** The library reports its downloads with console.debug, which writes to stdout: that belongs to results. */
async function quietly<T>(body: () => Promise<T>): Promise<T> {
  const { debug } = console;
  console.debug = () => undefined;
  try {
    return await body();
  } finally {
    console.debug = debug;
  }
}
