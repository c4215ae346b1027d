import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FileServer } from './file-server.js';

/** The commit that the hub's repository is at. */
export const SHA = '0123456789abcdef0123456789abcdef01234567';

/** What git keeps in LFS. */
const LARGE = /\.(safetensors|bin|pth|tar|parquet)$/;

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

  constructor(
    private readonly repo: string,
    private readonly type: 'models' | 'datasets' = 'models',
  ) {
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
    const api = new RegExp(`^/api/${this.type}/([^/]+/[^/]+)/revision/(.+)$`).exec(path);
    const tree = new RegExp(`^/api/${this.type}/([^/]+/[^/]+)/tree/([^/]+)(?:/(.*))?$`).exec(path);
    const base = this.type === 'models' ? '' : 'datasets/';
    const file = new RegExp(`^/${base}([^/]+/[^/]+)/resolve/([^/]+)/(.+)$`).exec(path);
    const [, repo, revision, name] = api ?? tree ?? file ?? [];
    // The real hub hides from strangers whether a repository exists.
    if (repo !== this.repo) return missing('RepoNotFound', request.headers.authorization ? 404 : 401);
    if (revision !== 'main' && revision !== 'refs/pr/1' && revision !== this.commit)
      return missing('RevisionNotFound');
    if (api !== null) {
      const siblings = [...this.files.keys()].map((rfilename) => ({ rfilename }));
      const body = JSON.stringify({ _id: 'x', id: repo, sha: this.commit, siblings });
      return end(200, { 'content-type': 'application/json' }, body);
    }
    if (tree !== null) return this.answerTree(request, end);
    const bytes = this.files.get(name ?? '');
    if (name === undefined || bytes === undefined) return missing('EntryNotFound');
    if (!LARGE.test(name)) {
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

  /** The list of all files, one a page. */
  private answerTree(
    request: IncomingMessage,
    end: (status: number, headers: Record<string, string>, body?: string) => true,
  ): true {
    const url = new URL(request.url ?? '/', this.hub.url);
    const page = Number(url.searchParams.get('cursor') ?? 0);
    const [path, bytes] = [...this.files][page] ?? [];
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (path === undefined || bytes === undefined) return end(200, headers, '[]');
    if (page + 1 < this.files.size) {
      url.searchParams.set('cursor', String(page + 1));
      headers.link = `<${url.href}>; rel="next"`;
    }
    const sha256 = this.claim ?? createHash('sha256').update(bytes).digest('hex');
    const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
    const lfs = LARGE.test(path) && { lfs: { oid: sha256, size: bytes.length, pointerSize: 130 } };
    return end(200, headers, JSON.stringify([{ type: 'file', path, size: bytes.length, oid, ...lfs }]));
  }
}
