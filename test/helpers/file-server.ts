import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** What a server does to the next body instead of sending it. */
export type Fault = (reply: {
  response: ServerResponse;
  headers: Record<string, string>;
  body: Buffer;
}) => void;

/** Sends the head and the first bytes, then nothing more: the connection stays open. */
export const stallAfter =
  (bytes: number): Fault =>
  ({ response, headers, body }) =>
    void response.writeHead(response.statusCode, headers).write(body.subarray(0, bytes));

/** Sends the first bytes, then hangs up. */
export const hangUpAfter =
  (bytes: number): Fault =>
  ({ response, headers, body }) => {
    response.writeHead(response.statusCode, headers).write(body.subarray(0, bytes));
    // What was written reaches the other side first.
    response.socket?.end();
  };

/** Ends properly, but early, and does not say how long the whole is. */
export const endAfter =
  (bytes: number): Fault =>
  ({ response, headers, body }) => {
    delete headers['content-length'];
    response.writeHead(response.statusCode, headers).end(body.subarray(0, bytes));
  };

export const answer =
  (status: number, headers: Record<string, string> = {}): Fault =>
  ({ response }) =>
    void response.writeHead(status, headers).end('no');

/** Other bytes of the same length. */
export const corrupt: Fault = ({ response, headers, body }) =>
  void response.writeHead(response.statusCode, headers).end(Buffer.from(body.map((byte) => byte ^ 1)));

/** Files over HTTP on the loopback, with ranges and validators, and with faults on request. */
export class FileServer {
  readonly files = new Map<string, Uint8Array>();
  readonly requests: Recorded[] = [];
  /** One is taken for each request of a file. */
  readonly faults: Fault[] = [];
  /** Answers before anything else does. */
  hook: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  ranges = true;
  validator: 'strong' | 'weak' | 'date' | 'none' = 'strong';
  url = '';
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Requests of a file, HEAD and the one-byte probe left out. */
  bodies(path: string): Recorded[] {
    return this.requests.filter(
      ({ method, path: asked, headers }) =>
        method === 'GET' && asked === path && headers.range !== 'bytes=0-0',
    );
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', this.url);
    const path = decodeURIComponent(pathname);
    this.requests.push({ method: request.method ?? '', path, headers: request.headers });
    if (this.hook?.(request, response)) return;
    const bytes = this.files.get(path);
    if (bytes === undefined) return void response.writeHead(404).end();
    this.sendFile(request, response, bytes, this.validators(bytes));
  }

  sendFile(
    { method, headers: asked }: IncomingMessage,
    response: ServerResponse,
    bytes: Uint8Array,
    validators: Record<string, string>,
  ): void {
    const tag = validators['etag'] ?? validators['last-modified'];
    const known = asked['if-none-match'] ?? asked['if-modified-since'];
    if (known !== undefined && known === tag) return void response.writeHead(304, validators).end();
    const range = /^bytes=(\d+)-(\d*)$/.exec(asked.range ?? '');
    const fresh = asked['if-range'] === undefined || asked['if-range'] === tag;
    const headers: Record<string, string> = { ...validators };
    let body = Buffer.from(bytes);
    response.statusCode = 200;
    if (range !== null && this.ranges && fresh) {
      const from = Number(range[1]);
      if (from >= bytes.length)
        return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      body = body.subarray(from, range[2] === '' ? undefined : Number(range[2]) + 1);
      headers['content-range'] = `bytes ${from}-${from + body.length - 1}/${bytes.length}`;
      response.statusCode = 206;
    }
    headers['content-length'] = String(body.length);
    if (method === 'HEAD') return void response.writeHead(response.statusCode, headers).end();
    const probe = range?.[2] === '0';
    const fault = probe ? undefined : this.faults.shift();
    if (fault !== undefined) return fault({ response, headers, body });
    response.writeHead(response.statusCode, headers).end(body);
  }

  private validators(bytes: Uint8Array): Record<string, string> {
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    switch (this.validator) {
      case 'strong':
        return { etag };
      case 'weak':
        return { etag: `W/${etag}` };
      case 'date':
        return { 'last-modified': new Date(Date.UTC(2024, 0, 1) + bytes.length * 1000).toUTCString() };
      case 'none':
        return {};
    }
  }
}
