import { CheckpointError } from '../checkpoint-error.js';
import { bufferSource, type ByteSource } from './byte-source.js';

export interface HttpSourceOptions {
  /** What to do with a server that sends files only whole: take the whole into memory (default), or refuse. */
  readonly withoutRanges?: 'download' | 'refuse';
  /** Sent with every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the reading. */
  readonly signal?: AbortSignal;
  /** Failures of one read that are tried again: broken connections, short bodies, overload. Default 3. */
  readonly retries?: number;
}

/** What must stay the same from reply to reply. Null where the server (or CORS) does not show it. */
interface Version {
  readonly size: number;
  readonly etag: string | null;
  readonly modified: string | null;
}

/** Milliseconds before the first new attempt; doubled before each further one. */
const BACKOFF_MS = 200;

/** Longest file that is taken whole, bytes: the largest model's training checkpoint has 0.5 GB. */
const MAX_WHOLE = 1 << 30;

/** Something that may go better next time. */
class Transient extends Error {}

/**
 * A file on a web server as a byte source: only the ranges asked for are fetched (`Range`, RFC 9110), in a browser as in Node.js.
 * Redirects are followed. That the file stays the same is seen from the size, ETag and date of each reply rather than asked
 * with If-Range, for which a browser would have to ask other servers' leave first.
 *
 * Across origins a browser sees sizes only if the server sends `Access-Control-Expose-Headers: Content-Range, ETag`.
 *
 * @throws CheckpointError: `missing` for refusals, `empty`, `changed` for a file that became another one, `truncated` where
 *   bodies keep ending early, `unsupported` for a server without ranges if those are asked for
 */
export async function httpSource(address: string, options: HttpSourceOptions = {}): Promise<ByteSource> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new CheckpointError(
      'missing',
      url === undefined ? 'the address of the weights' : url.origin + url.pathname,
      'expected https://HOST/FILE, without a password in it (headers can carry one)',
    );
  const file = new HttpFile(url, options);
  return file.open();
}

class HttpFile implements ByteSource {
  /** Without what signs an address: messages are shown and logged. */
  readonly name: string;
  private version: Version | undefined;

  constructor(
    private readonly url: URL,
    private readonly options: HttpSourceOptions,
  ) {
    this.name = url.origin + url.pathname;
  }

  get size(): number {
    return this.version!.size;
  }

  /** Asks for the first byte, which says the size and whether the server knows ranges. */
  open(): Promise<ByteSource> {
    return this.patiently(async () => {
      const response = await this.ask(0, 1);
      if (response.status === 206) {
        this.version = this.versionOf(response, 0, 1);
        await response.body?.cancel();
        return this;
      }
      if (this.options.withoutRanges === 'refuse') {
        await response.body?.cancel();
        throw this.error(
          'unsupported',
          'the server sends files only whole, not parts of them (no byte ranges)',
        );
      }
      return bufferSource(await this.wholeBody(response), this.name);
    });
  }

  async read(offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    const bytes = target ?? new Uint8Array(length);
    if (length === 0) return bytes;
    await this.patiently(async () => {
      const response = await this.ask(offset, length);
      if (response.status !== 206) {
        await response.body?.cancel();
        throw this.error('changed', 'the server sent the whole file where it had sent parts before');
      }
      const { size, etag, modified } = this.versionOf(response, offset, length);
      const { version } = this;
      if (size !== version!.size || etag !== version!.etag || modified !== version!.modified) {
        await response.body?.cancel();
        throw this.error('changed', 'the file changed on the server while it was being read. Read it again.');
      }
      await this.fill(bytes, response);
    });
    return bytes;
  }

  private error(kind: CheckpointError['kind'], message: string): CheckpointError {
    return new CheckpointError(kind, this.name, message);
  }

  /** One request; replies that are no file are errors. */
  private async ask(offset: number, length: number): Promise<Response> {
    const { headers, signal } = this.options;
    const response = await fetch(this.url, {
      // Compressed bodies have neither the length nor the ranges of the file; browsers see to that themselves.
      headers: { 'accept-encoding': 'identity', ...headers, range: `bytes=${offset}-${offset + length - 1}` },
      cache: 'no-store',
      signal,
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      const { cause } = error as { cause?: { code?: string } };
      throw new Transient(`the server cannot be reached${cause?.code ? ` (${cause.code})` : ''}`);
    });
    const { status } = response;
    if (status === 200 || status === 206) return response;
    await response.body?.cancel();
    if (status === 408 || status === 429 || status >= 500)
      throw new Transient(`the server answers ${status}`);
    if (status === 416 && this.version === undefined)
      throw this.error('empty', 'the file is empty: it was not uploaded whole');
    if (status === 416) throw this.error('changed', 'the file became shorter while it was being read');
    const hint: Readonly<Record<number, string>> = {
      401: 'it wants a log-in',
      403: 'it refuses access: a signed address may be out of date',
      404: 'there is no such file',
      410: 'there is no such file any more',
    };
    throw this.error('missing', `the server answers ${status}${hint[status] ? `: ${hint[status]}` : ''}`);
  }

  /** What a reply with a part of the file says about the whole; it must hold the part that was asked for. */
  private versionOf({ headers }: Response, offset: number, length: number): Version {
    const range = headers.get('content-range');
    if (range === null)
      throw this.error(
        'unsupported',
        'the reply shows no Content-Range. From another origin, its server must send Access-Control-Expose-Headers: Content-Range, ETag',
      );
    const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range) ?? [];
    if (
      Number(first) !== offset ||
      Number(last) !== offset + length - 1 ||
      !Number.isSafeInteger(Number(total))
    )
      throw this.error(
        'corrupt',
        `bytes ${offset} to ${offset + length - 1} were asked for, the server sent "${range}"`,
      );
    return { size: Number(total), etag: headers.get('etag'), modified: headers.get('last-modified') };
  }

  private async fill(bytes: Uint8Array, response: Response): Promise<void> {
    let filled = 0;
    for await (const chunk of this.chunks(response)) {
      if (filled + chunk.length > bytes.length)
        throw this.error('corrupt', `more than the ${bytes.length} bytes announced came`);
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    if (filled < bytes.length) throw new Transient(`it broke off after ${filled} of ${bytes.length} bytes`);
  }

  private async wholeBody(response: Response): Promise<Uint8Array> {
    const { headers } = response;
    const length = headers.get('content-encoding') === null ? headers.get('content-length') : null;
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks(response)) {
      parts.push(chunk);
      size += chunk.length;
      if (size > MAX_WHOLE)
        throw this.error(
          'limit',
          `the server sends files only whole, and this one has over ${MAX_WHOLE} bytes`,
        );
    }
    if (length !== null && size !== Number(length))
      throw new Transient(`it broke off after ${size} of ${length} bytes`);
    const whole = new Uint8Array(size);
    let filled = 0;
    for (const part of parts) {
      whole.set(part, filled);
      filled += part.length;
    }
    return whole;
  }

  /** The body as it comes; whoever stops taking it ends the connection. */
  private async *chunks(response: Response): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader();
    try {
      while (reader) {
        const { done, value } = await reader.read().catch(() => {
          this.options.signal?.throwIfAborted();
          throw new Transient('the connection broke');
        });
        if (done) return;
        yield value;
      }
    } finally {
      await reader?.cancel().catch(() => undefined);
    }
  }

  private async patiently<T>(body: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await body();
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        if (failures > (this.options.retries ?? 3))
          throw this.error(
            this.version ? 'truncated' : 'missing',
            `${error.message}, ${failures} times in a row`,
          );
        await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS * 2 ** (failures - 1)));
      }
    }
  }
}
