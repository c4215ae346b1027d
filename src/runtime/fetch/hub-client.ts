import { datasetInfo, listFiles, modelInfo } from '@huggingface/hub';
import { UserError } from '../../errors.js';
import type { Remote } from './transfer.js';
import { hubEnvironment, hubToken } from './hub-environment.js';
import { fetchTiming, type FetchOptions } from './fetch-options.js';
import { ask, display, type Client, type Reply } from './http.js';
import { withRetries } from './transfer-error.js';
import { wholeBody } from './whole-body.js';

/** What a repository holds at a revision. */
export interface Listing {
  readonly commit: string;
  readonly files: readonly string[];
}

const COMMIT = /^[0-9a-f]{40}$/;

/** Largest answer of the hub's API that is read, bytes. */
const MAX_ANSWER = 32 << 20;

/** Asks the hub about one repository, with the user's token. */
export class HubClient {
  readonly endpoint: string;
  readonly client: Client;
  private readonly hasToken: boolean;

  constructor(
    private readonly repo: string,
    private readonly revision: string,
    private readonly address: string,
    private readonly options: FetchOptions,
    private readonly type: 'model' | 'dataset' = 'model',
  ) {
    const token = hubToken();
    this.endpoint = hubEnvironment().endpoint;
    this.hasToken = token !== undefined;
    this.client = {
      credentials:
        token === undefined
          ? undefined
          : { origin: new URL(this.endpoint).origin, authorization: `Bearer ${token}` },
      stallMs: fetchTiming(options).stallMs,
      signal: options.signal,
    };
  }

  /** Address of the repository. */
  private get page(): string {
    return `${this.endpoint}/${this.type === 'dataset' ? 'datasets/' : ''}${this.repo}`;
  }

  private addressOf(commit: string, file: string): string {
    return `${this.page}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`;
  }

  /** A file of the revision that was not asked for yet. */
  fileAt(path: string): Remote {
    return {
      url: this.addressOf(this.revision, path),
      size: undefined,
      refuse: (reply) => this.refusal(reply, path),
    };
  }

  private notHub(): UserError {
    return new UserError(
      `${this.address}: ${this.endpoint} does not answer as a model hub does: check HF_ENDPOINT`,
    );
  }

  /** Which commit the revision is at, and its files. */
  async list(): Promise<Listing> {
    const { sha, filePaths } = await modelInfo({
      name: this.repo,
      revision: this.revision,
      hubUrl: this.endpoint,
      additionalFields: ['sha', 'filePaths'],
      fetch: (input) => this.api(String(input)),
    });
    if (!COMMIT.test(sha) || !Array.isArray(filePaths)) throw this.notHub();
    return { commit: sha, files: filePaths.map(String) };
  }

  /** The files of a data set with their sizes and checksums, all at once; of the folder `path` and those below it. */
  async tree(path: string): Promise<(Remote & { readonly path: string })[]> {
    const fetch = (input: string | URL | Request): Promise<Response> =>
      this.api(input instanceof Request ? input.url : String(input));
    const about = { hubUrl: this.endpoint, revision: this.revision, fetch };
    const { sha } = await datasetInfo({ ...about, name: this.repo, additionalFields: ['sha'] });
    if (!COMMIT.test(sha)) throw this.notHub();
    const found: (Remote & { path: string })[] = [];
    const repo = { type: 'dataset', name: this.repo } as const;
    for await (const entry of listFiles({ ...about, revision: sha, repo, path, recursive: true })) {
      const { type, path: file, size, lfs, oid } = entry;
      if (type !== 'file') continue;
      found.push({
        path: file,
        url: this.addressOf(sha, file),
        size: lfs?.size ?? size,
        checksum: checksumOf(lfs?.oid ?? oid ?? ''),
        refuse: (reply) => this.refusal(reply, file),
      });
    }
    return found;
  }

  /** Size and checksum of a file, without its content: the first reply says them, before it leads to where the bytes are. */
  async describe(commit: string, file: string): Promise<Remote & { readonly etag: string }> {
    const url = this.addressOf(commit, file);
    return withRetries(this.options, async () => {
      const reply = await ask(url, { method: 'HEAD', sameOrigin: true }, this.client);
      await reply.discard();
      const { status, headers } = reply;
      if (status >= 400) throw this.refusal(reply, file);
      const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '')
        .replace(/^W\//, '')
        .replaceAll('"', '');
      const size = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? NaN);
      if (etag === '' || !Number.isSafeInteger(size))
        throw new UserError(`${this.address}: ${display(url)} tells no ETag or no size: check HF_ENDPOINT`);
      return { url, size, etag, checksum: checksumOf(etag), refuse: (other) => this.refusal(other, file) };
    });
  }

  /** The hub's API for its own library: with retries, the token where it belongs, and our words for refusals. */
  private api(url: string): Promise<Response> {
    return withRetries(this.options, async () => {
      const reply = await ask(url, { headers: { accept: 'application/json' } }, this.client);
      try {
        if (reply.status !== 200) throw this.refusal(reply);
        const tooLong = `${display(url)} answers with more than ${MAX_ANSWER} bytes`;
        return answer(await wholeBody(reply, MAX_ANSWER, tooLong), url, reply.headers.get('link'));
      } finally {
        await reply.discard();
      }
    });
  }

  private refusal({ status, headers }: Reply, file?: string): UserError {
    const { repo, revision, endpoint, address, hasToken, page } = this;
    const code = headers.get('x-error-code');
    const settings = `a token from ${endpoint}/settings/tokens`;
    if (code === 'RevisionNotFound')
      return new UserError(
        `${address}: ${repo} has no revision "${revision}": see ${page}, or leave @${revision} away`,
      );
    if (code === 'EntryNotFound')
      return new UserError(`${address}: ${repo} has no file ${file ?? ''} at revision ${revision}`);
    if (code === 'GatedRepo')
      return new UserError(
        hasToken
          ? `${address}: ${repo} is gated, and your token does not open it: accept its conditions at ${page}`
          : `${address}: ${repo} is gated: accept its conditions at ${page} and set HF_TOKEN to ${settings}`,
      );
    if (status === 404)
      return new UserError(
        `${address}: the hub has no repository ${repo}${hasToken ? ' that your token may read' : `; if it is private, set HF_TOKEN to ${settings}`}`,
      );
    if (status === 401 || status === 403)
      return new UserError(
        hasToken
          ? `${address}: the hub refuses your token (${status}): it is wrong, out of date, or may not read ${repo}. Set HF_TOKEN to ${settings}`
          : `${address}: the hub has no repository ${repo}, or it is private (${status}): check the name, or set HF_TOKEN to ${settings}`,
      );
    return new UserError(`${address}: ${endpoint} answers ${status}, expected 200: check HF_ENDPOINT`);
  }
}

/** Files in LFS are known by their SHA-256, those in git by git's own name for them. */
function checksumOf(etag: string): Remote['checksum'] {
  if (/^[0-9a-f]{64}$/.test(etag)) return { kind: 'sha256', hex: etag };
  return /^[0-9a-f]{40}$/.test(etag) ? { kind: 'git-sha1', hex: etag } : undefined;
}

/** The library takes JSON on trust, and follows the link to the next page of a list; a proxy's page of HTML is told from it here. */
function answer(bytes: Buffer, url: string, next: string | null): Response {
  try {
    JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new UserError(
      `${display(url)} answers with something else than JSON: check HF_ENDPOINT, or is a log-in page in between?`,
    );
  }
  const headers = { 'content-type': 'application/json', ...(next !== null && { link: next }) };
  return new Response(new Uint8Array(bytes), { headers });
}
