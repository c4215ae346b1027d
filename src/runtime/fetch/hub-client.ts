import { modelInfo } from '@huggingface/hub';
import { UserError } from '../../errors.js';
import type { Remote } from './transfer.js';
import { hubEnvironment, hubToken } from './hub-environment.js';
import { fetchTiming, type FetchOptions } from './fetch-options.js';
import { ask, display, type Client, type Reply } from './http.js';
import { withRetries } from './transfer-error.js';

/** What a repository holds at a revision. */
export interface Listing {
  readonly commit: string;
  readonly files: readonly string[];
}

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

  /** Which commit the revision is at, and its files. */
  async list(): Promise<Listing> {
    const { sha, filePaths } = await modelInfo({
      name: this.repo,
      revision: this.revision,
      hubUrl: this.endpoint,
      additionalFields: ['sha', 'filePaths'],
      fetch: (input) => this.api(String(input)),
    });
    if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha) || !Array.isArray(filePaths))
      throw new UserError(
        `${this.address}: ${this.endpoint} does not answer as a model hub does: check HF_ENDPOINT`,
      );
    return { commit: sha, files: filePaths.map(String) };
  }

  /** Size and checksum of a file, without its content: the first reply says them, before it leads to where the bytes are. */
  async describe(commit: string, file: string): Promise<Remote & { readonly etag: string }> {
    const path = file.split('/').map(encodeURIComponent).join('/');
    const url = `${this.endpoint}/${this.repo}/resolve/${commit}/${path}`;
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
        const chunks: Uint8Array[] = [];
        let size = 0;
        for await (const chunk of reply.chunks()) {
          size += chunk.length;
          if (size > MAX_ANSWER)
            throw new UserError(`${display(url)} answers with more than ${MAX_ANSWER} bytes`);
          chunks.push(chunk);
        }
        return answer(Buffer.concat(chunks), url);
      } finally {
        await reply.discard();
      }
    });
  }

  private refusal({ status, headers }: Reply, file?: string): UserError {
    const { repo, revision, endpoint, address, hasToken } = this;
    const code = headers.get('x-error-code');
    const settings = `a token from ${endpoint}/settings/tokens`;
    if (code === 'RevisionNotFound')
      return new UserError(
        `${address}: ${repo} has no revision "${revision}": see ${endpoint}/${repo}, or leave @${revision} away`,
      );
    if (code === 'EntryNotFound')
      return new UserError(`${address}: ${repo} has no file ${file ?? ''} at revision ${revision}`);
    if (code === 'GatedRepo')
      return new UserError(
        hasToken
          ? `${address}: ${repo} is gated, and your token does not open it: accept its conditions at ${endpoint}/${repo}`
          : `${address}: ${repo} is gated: accept its conditions at ${endpoint}/${repo} and set HF_TOKEN to ${settings}`,
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

/** The library takes JSON on trust; a proxy's page of HTML is told from it here. */
function answer(bytes: Buffer, url: string): Response {
  try {
    JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new UserError(
      `${display(url)} answers with something else than JSON: check HF_ENDPOINT, or is a log-in page in between?`,
    );
  }
  return new Response(new Uint8Array(bytes), { headers: { 'content-type': 'application/json' } });
}
