import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The commit that the hub's repository is at. */
export const SHA = '0123456789abcdef0123456789abcdef01234567';

/** A hub on the loopback: one repository, as the real one answers for it. */
export class FakeHub {
  readonly requests: { path: string; token: string | undefined }[] = [];
  readonly files = new Map<string, Uint8Array>();
  status = 200;
  private readonly server: Server;

  constructor(private readonly repo: string) {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url ?? '');
    this.requests.push({ path, token: request.headers.authorization });
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    };
    if (this.status !== 200) return json(this.status, { error: 'no' });
    if (path.startsWith(`/api/models/${this.repo}/revision/`))
      return json(200, { id: this.repo, _id: 'x', sha: SHA });
    if (path === `/api/models/${this.repo}/paths-info/${SHA}`) {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { paths } = JSON.parse(Buffer.concat(chunks).toString()) as { paths: string[] };
      const there = paths.filter((name) => this.files.has(name));
      return json(
        200,
        there.map((name) => ({
          type: 'file',
          path: name,
          size: this.files.get(name)!.length,
          oid: digest(this.files.get(name)!),
        })),
      );
    }
    const file = path.startsWith(`/${this.repo}/resolve/${SHA}/`)
      ? path.slice(`/${this.repo}/resolve/${SHA}/`.length)
      : '';
    const bytes = this.files.get(file);
    if (bytes === undefined) return json(404, { error: 'Repository not found' });
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
    const [from, to] =
      range === null
        ? [0, bytes.length - 1]
        : [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    const headers = {
      ETag: `"${digest(bytes)}"`,
      'Content-Range': `bytes ${from}-${to}/${bytes.length}`,
      'Content-Length': to - from + 1,
    };
    response.writeHead(range === null ? 200 : 206, headers).end(bytes.subarray(from, to + 1));
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}
