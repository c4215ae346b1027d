import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { UserError } from '../../errors.js';
import { fetchTiming, type FetchOptions } from './fetch-options.js';
import { ask, type Client, type Reply } from './http.js';
import { backOff, TransferError } from './transfer-error.js';

/** A file on a server, as far as the server says. */
export interface Remote {
  readonly url: string;
  /** Bytes. */
  readonly size: number | undefined;
  /** What its bytes must hash to: plain SHA-256 or MD5, or git's name of a file, the SHA-1 with a header in front. */
  readonly checksum?: { readonly kind: 'sha256' | 'md5' | 'git-sha1'; readonly hex: string };
  /** Its validator, where replies carry the same one: a file that changes on the way is noticed. */
  readonly etag?: string;
  readonly lastModified?: string;
  /** False where the server sends whole files only. */
  readonly ranges?: boolean;
  /** What is wrong with the request, for a reply that is no file. */
  refuse(reply: Reply): Error;
  /** How it is asked for, where that is not by HTTP alone. */
  ask?(headers: Readonly<Record<string, string>>): Promise<Reply>;
}

/** Asks for a file, or the part of it that the headers say. */
export function askFor(
  remote: Remote,
  headers: Readonly<Record<string, string>>,
  client: Client,
): Promise<Reply> {
  return remote.ask?.(headers) ?? ask(remote.url, { headers }, client);
}

/** Bytes hashed at a time when a file is taken up again. */
const WINDOW = 1 << 20;

/** So many new bytes show that a connection works: failures are counted anew. */
const PROGRESS = 1 << 20;

/** One file coming in: what is there, what it hashes to so far, and where to go on. */
export class Transfer {
  /** Bytes in the file. */
  received = 0;
  private hash: Hash | undefined;
  /** Sent as If-Range: the rest is only good if the file is still the same. */
  private validator: string | undefined;

  constructor(
    private readonly remote: Remote,
    private readonly handle: FileHandle,
    private readonly client: Client,
    private readonly options: FetchOptions,
  ) {
    this.validator = strong(remote.etag) ?? remote.lastModified;
    this.hash = this.newHash();
  }

  /** Takes up what an earlier attempt left, if it can be told that it belongs to this file. */
  async resume(): Promise<void> {
    const { size: there } = await this.handle.stat();
    const { checksum, size } = this.remote;
    if ((checksum ?? this.validator) === undefined || (size !== undefined && there > size))
      return this.restart();
    const bytes = new Uint8Array(Math.min(WINDOW, there));
    while (this.received < there) {
      const { bytesRead } = await this.handle.read(bytes, 0, bytes.length, this.received);
      if (bytesRead === 0) break;
      this.hash?.update(bytes.subarray(0, bytesRead));
      this.received += bytesRead;
    }
  }

  /** Brings the rest, again and again where it breaks off, and checks the whole. */
  async run(update: (received: number) => void): Promise<void> {
    let failures = 0;
    let wrong = 0;
    let mark = this.received;
    for (;;) {
      try {
        update(this.received);
        if (this.received !== this.remote.size) await this.receive(update);
        if (this.isRight()) return;
        // The part that an earlier attempt left may be what is wrong: once more, from the beginning.
        const refusal = this.wrongBytes();
        await this.restart();
        if (++wrong === 2) throw refusal;
      } catch (error) {
        if (!(error instanceof TransferError) || error.kind === 'untrusted' || error.kind === 'changed')
          throw error;
        if (this.received - mark >= PROGRESS) failures = 0;
        mark = this.received;
        if (++failures > fetchTiming(this.options).retries) throw error;
        await backOff(failures, error, this.options);
      }
    }
  }

  private async receive(update: (received: number) => void): Promise<void> {
    const reply = await askFor(this.remote, this.rangeHeaders(), this.client);
    try {
      await this.accept(reply);
      const { size } = this.remote;
      const end = size ?? this.endOf(reply);
      for await (const chunk of reply.chunks()) {
        if (end !== undefined && this.received + chunk.length > end) {
          await this.restart();
          throw new TransferError('transient', `more than the ${end} bytes announced came`);
        }
        await this.write(chunk);
        update(this.received);
      }
      if (end !== undefined && this.received < end)
        throw new TransferError('transient', `it broke off after ${this.received} of ${end} bytes`);
    } finally {
      await reply.discard();
    }
  }

  private rangeHeaders(): Record<string, string> {
    if (this.received === 0) return {};
    const range = { range: `bytes=${this.received}-` };
    return this.validator === undefined ? range : { ...range, 'if-range': this.validator };
  }

  /** Makes the file fit the reply: where its body goes on, or empty where it begins anew. */
  private async accept(reply: Reply): Promise<void> {
    const { status, headers } = reply;
    const etag = headers.get('etag') ?? undefined;
    if (this.remote.etag !== undefined && etag !== undefined && etag !== this.remote.etag)
      throw new TransferError('changed', 'the file changed on the server meanwhile');
    if (status === 206) {
      const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
      const { size } = this.remote;
      if (
        Number(start) !== this.received ||
        (size !== undefined && total !== '*' && Number(total) !== size)
      ) {
        await this.restart();
        throw new TransferError('transient', 'another part came than was asked for');
      }
    } else if (status === 416) {
      await this.restart();
      throw new TransferError('transient', 'the server has no such part');
    } else if (status === 200) await this.restart();
    else throw this.remote.refuse(reply);
    this.validator = strong(etag) ?? this.validator;
  }

  /** Where the body of a reply ends in the file; unknown where it is sent in pieces or compressed. */
  private endOf({ headers }: Reply): number | undefined {
    const length = headers.get('content-encoding') === null ? headers.get('content-length') : null;
    return length === null ? undefined : this.received + Number(length);
  }

  private async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length;)
      done += (await this.handle.write(chunk, done, chunk.length - done, this.received + done)).bytesWritten;
    this.hash?.update(chunk);
    this.received += chunk.length;
  }

  private async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.received = 0;
    this.hash = this.newHash();
  }

  private newHash(): Hash | undefined {
    const { checksum, size } = this.remote;
    if (checksum === undefined) return undefined;
    if (checksum.kind !== 'git-sha1') return createHash(checksum.kind);
    return createHash('sha1').update(`blob ${size ?? 0}\0`);
  }

  private isRight(): boolean {
    return this.hash === undefined || this.hash.copy().digest('hex') === this.remote.checksum?.hex;
  }

  private wrongBytes(): UserError {
    const { url, checksum } = this.remote;
    return new WrongBytesError(
      `${new URL(url).host} sent other bytes than it says, twice: expected ${checksum?.kind} ${checksum?.hex}, found ${this.hash?.copy().digest('hex')}. Something on the way changes the file: try another network, or download it by other means`,
    );
  }
}

/** A file came twice, and neither time as its checksum says. */
export class WrongBytesError extends UserError {}

/** The validator, if it stands for the very bytes: a weak one does not. */
function strong(etag: string | undefined): string | undefined {
  return etag === undefined || etag.startsWith('W/') ? undefined : etag;
}
