import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FileServer } from './file-server.js';

/** The commit that the hub's repository is at. */
export const SHA = '0123456789abcdef0123456789abcdef01234567';

/** A hub on the loopback: one repository, as the real one answers for it; large files come from a CDN at another origin. */
export class FakeHub {
  readonly files = new Map<string, Uint8Array>();
  readonly hub = new FileServer();
  readonly cdn = new FileServer();
  /** Refuses everything. */
  refuse: { status: number; code?: string } | undefined;
  /** What the hub says a file in LFS hashes to. Default: the truth. */
  claim: string | undefined;
  /** What it says the size is. Default: the truth. */
  claimedSize: number | undefined;
  commit = SHA;

  constructor(private readonly repo: string) {
    this.hub.hook = (request, response) => this.answer(request, response);
  }

  async start(): Promise<string> {
    await this.cdn.start();
    return (await this.hub.start()).url;
  }

  async stop(): Promise<void> {
    await Promise.all([this.hub.stop(), this.cdn.stop()]);
  }

  /** Requests of the bytes of a file in LFS. */
  fetched(file: string): FileServer['requests'] {
    return this.cdn.bodies(`/${file}`);
  }

  private answer(request: IncomingMessage, response: ServerResponse): boolean {
    const path = decodeURIComponent(new URL(request.url ?? '/', this.hub.url).pathname);
    const end = (status: number, headers: Record<string, string>, body = ''): true => {
      response.writeHead(status, headers).end(request.method === 'HEAD' ? '' : body);
      return true;
    };
    const missing = (code: string, status = 404): true =>
      end(status, { 'x-error-code': code }, '{"error":"no"}');
    if (this.refuse !== undefined) {
      const { status, code } = this.refuse;
      return end(status, code === undefined ? {} : { 'x-error-code': code }, '{"error":"no"}');
    }
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const [, repo, revision, name] = api ?? file ?? [];
    // The real hub hides from strangers whether a repository exists.
    if (repo !== this.repo) return missing('RepoNotFound', request.headers.authorization ? 404 : 401);
    if (revision !== 'main' && revision !== 'refs/pr/1' && revision !== this.commit)
      return missing('RevisionNotFound');
    if (api !== null) {
      const siblings = [...this.files.keys()].map((rfilename) => ({ rfilename }));
      const body = JSON.stringify({ _id: 'x', id: repo, sha: this.commit, siblings });
      return end(200, { 'content-type': 'application/json' }, body);
    }
    const bytes = this.files.get(name ?? '');
    if (name === undefined || bytes === undefined) return missing('EntryNotFound');
    if (!/\.(safetensors|bin|pth)$/.test(name)) {
      const blob = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
      this.hub.sendFile(request, response, bytes, { etag: `"${blob}"`, 'x-repo-commit': this.commit });
      return true;
    }
    this.cdn.files.set(`/${name}`, bytes);
    return end(302, {
      location: `${this.cdn.url}/${encodeURIComponent(name)}?X-Amz-Signature=signature`,
      etag: '"pointer"',
      'content-length': '0',
      'x-repo-commit': this.commit,
      'x-linked-size': String(this.claimedSize ?? bytes.length),
      'x-linked-etag': `"${this.claim ?? createHash('sha256').update(bytes).digest('hex')}"`,
    });
  }
}
