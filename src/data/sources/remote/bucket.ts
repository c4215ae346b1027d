import type * as AwsS3 from '@aws-sdk/client-s3';
import { UsageError, UserError } from '../../../errors.js';
import { fetchTiming, type FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import type { Reply } from '../../../runtime/fetch/http.js';
import type { Remote } from '../../../runtime/fetch/transfer.js';
import { readWhole } from '../../../runtime/fetch/read-range.js';
import {
  busyReply,
  explainTransfer,
  transferError,
  TransferError,
  withRetries,
} from '../../../runtime/fetch/transfer-error.js';
import { isPattern } from '../patterns.js';
import type { AddressedFile } from './address.js';
import type { Listing } from './listing.js';
import { MAX_TEXT, type RemoteFile } from './remote-file.js';

type Sdk = typeof AwsS3;

/** More keys under one prefix are single pictures, which are to be packed first. */
const MAX_KEYS = 200_000;

/**
 * Files in a bucket of S3 or of a server that speaks its protocol: `s3://bucket/path`, where the path is a file, a folder or a pattern.
 * Credentials, region and endpoint are those of the AWS SDK (`AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …).
 *
 * @throws UsageError for what is no such address or without the SDK, UserError for what the server refuses
 */
export async function bucketListing(address: string, options: FetchOptions): Promise<Listing> {
  const [, bucket, path = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(address) ?? [];
  if (bucket === undefined)
    throw new UsageError(`"${address}" is no address of a bucket: expected s3://bucket/path`);
  const bucketOf = new Bucket(await loadSdk(), bucket, options);
  // Of a pattern, the part before its first sign.
  const fixed = isPattern(path) ? path.slice(0, path.search(/[*?[{]/)) : path;
  try {
    return { path: path.replace(/\/$/, ''), files: await bucketOf.list(fixed) };
  } catch (error) {
    throw explainTransfer(error, address, endpoint() ?? 'https://s3.amazonaws.com', '');
  }
}

/** Files of a bucket by their keys: `s3://bucket`. */
export async function bucketFiles(
  server: string,
  options: FetchOptions,
): Promise<(path: string) => AddressedFile> {
  const bucket = new Bucket(await loadSdk(), server.slice('s3://'.length), options);
  return (path) => bucket.fileAt(path);
}

async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (error) {
    throw new UserError('s3:// needs the package @aws-sdk/client-s3: npm install @aws-sdk/client-s3', {
      cause: error,
    });
  }
}

/** A server other than Amazon's, as the SDK is told of it. */
function endpoint(): string | undefined {
  return process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL;
}

class Bucket {
  private readonly client: AwsS3.S3Client;

  constructor(
    private readonly sdk: Sdk,
    private readonly bucket: string,
    private readonly options: FetchOptions,
  ) {
    const { env } = process;
    const ownServer = endpoint();
    this.client = new sdk.S3Client({
      // Retries are ours: with progress between them, and the same for every server.
      maxAttempts: 1,
      ...(!env.AWS_REGION && !env.AWS_DEFAULT_REGION && ownServer && { region: 'us-east-1' }),
      ...(ownServer && { forcePathStyle: true }),
    });
  }

  async list(prefix: string): Promise<Map<string, RemoteFile>> {
    const files = new Map<string, RemoteFile>();
    for (let token: string | undefined; ;) {
      const page = await withRetries(this.options, () =>
        this.send(`s3://${this.bucket}/${prefix}`, (signal) =>
          this.client.send(
            new this.sdk.ListObjectsV2Command({
              Bucket: this.bucket,
              Prefix: prefix,
              ContinuationToken: token,
            }),
            { abortSignal: signal },
          ),
        ),
      );
      for (const { Key: key, Size: size, ETag: etag } of page.Contents ?? [])
        if (key !== undefined && size !== undefined) files.set(key, this.file(key, size, etag));
      if (files.size > MAX_KEYS)
        throw new UserError(
          `s3://${this.bucket}/${prefix} holds more than ${MAX_KEYS} files: pack them with \`recnext shards\` first.`,
        );
      token = page.NextContinuationToken;
      if (token === undefined) return files;
    }
  }

  /** An object that was not asked for yet. */
  fileAt(key: string): AddressedFile {
    const name = `s3://${this.bucket}/${key}`;
    return {
      name,
      remote: {
        url: name,
        size: undefined,
        refuse: (reply: Reply) => new UserError(`${name}: the server answers ${reply.status}.`),
        ask: (headers: Readonly<Record<string, string>>) => this.get(key, headers),
      },
      client: {
        credentials: undefined,
        stallMs: fetchTiming(this.options).stallMs,
        signal: this.options.signal,
      },
    };
  }

  private file(key: string, size: number, etag: string | undefined): RemoteFile {
    const { name, remote, client } = this.fileAt(key);
    return {
      name,
      remote: { ...remote, size, etag },
      version: `${size} ${etag ?? ''}`,
      client,
      checksum: () => withRetries(this.options, () => this.md5(key)),
      beside: async (file) => {
        const other = key.slice(0, key.lastIndexOf('/') + 1) + file;
        const found = this.fileAt(other);
        const bytes = await readWhole(found.remote, found.name, MAX_TEXT, client, this.options);
        return bytes?.toString('utf8');
      },
    };
  }

  /** Of an object that came in one part and is not encrypted by a key of the customer's, the ETag is its MD5. */
  private async md5(key: string): Promise<Remote['checksum']> {
    const head = await this.send(`s3://${this.bucket}/${key}`, (signal) =>
      this.client.send(new this.sdk.HeadObjectCommand({ Bucket: this.bucket, Key: key }), {
        abortSignal: signal,
      }),
    );
    const [, hex] = /^"?([0-9a-f]{32})"?$/.exec(head.ETag ?? '') ?? [];
    const isPlain = head.ServerSideEncryption === undefined || head.ServerSideEncryption === 'AES256';
    if (hex === undefined || !isPlain || head.SSECustomerAlgorithm !== undefined) return undefined;
    return { kind: 'md5', hex };
  }

  /** An object, or a part of it, as if it had come by HTTP. */
  private async get(key: string, { range }: Readonly<Record<string, string>>): Promise<Reply> {
    const name = `s3://${this.bucket}/${key}`;
    const abort = new AbortController();
    const output = await this.send(name, (signal) =>
      this.client.send(new this.sdk.GetObjectCommand({ Bucket: this.bucket, Key: key, Range: range }), {
        abortSignal: AbortSignal.any([signal, abort.signal]),
      }),
    ).catch((error: unknown) => {
      if (error instanceof Missing) return undefined;
      throw error;
    });
    const headers = new Headers();
    const set = (header: string, value: string | number | undefined): void => {
      if (value !== undefined) headers.set(header, String(value));
    };
    set('etag', output?.ETag);
    set('content-length', output?.ContentLength);
    set('content-range', output?.ContentRange);
    const body = output?.Body?.transformToWebStream();
    const { stallMs } = fetchTiming(this.options);
    const discard = async (): Promise<void> => {
      await body?.cancel().catch(() => undefined);
      abort.abort();
    };
    return {
      status: output === undefined ? 404 : output.ContentRange === undefined ? 200 : 206,
      headers,
      discard,
      async *chunks() {
        const reader = body?.getReader();
        try {
          while (reader) {
            const { done, value } = await inTime(reader.read(), stallMs);
            if (done) return;
            yield value as Uint8Array;
          }
        } finally {
          reader?.releaseLock();
        }
      },
    };
  }

  /** Runs a command; what fails is told in our words, or worth another attempt. */
  private async send<T>(name: string, command: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { stallMs } = fetchTiming(this.options);
    const abort = new AbortController();
    const signals = this.options.signal ? [abort.signal, this.options.signal] : [abort.signal];
    try {
      return await inTime(command(AbortSignal.any(signals)), stallMs);
    } catch (error) {
      abort.abort();
      this.options.signal?.throwIfAborted();
      throw this.explain(error, name);
    }
  }

  private explain(error: unknown, name: string): Error {
    if (error instanceof TransferError) return error;
    const { name: code, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    const status = $metadata?.httpStatusCode;
    if (/Credential/.test(code) || /credential/i.test(String((error as Error).message)))
      return new UserError(
        `${name}: no credentials for S3 were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
      );
    if (/Region is missing/i.test(String((error as Error).message)))
      return new UserError(`${name}: no region is set: set AWS_REGION.`);
    if (code === 'NoSuchBucket') return new UserError(`${name}: there is no bucket ${this.bucket}.`);
    if (code === 'NoSuchKey' || status === 404) return new Missing(`${name} does not exist.`);
    if (status === 401 || status === 403)
      return new UserError(
        `${name}: access is refused (${code}): check the credentials and the bucket's policy.`,
      );
    if (status === undefined) return transferError(error);
    return (
      busyReply(status, new Headers()) ?? new UserError(`${name}: the server answers ${status} (${code}).`)
    );
  }
}

/** No such object. */
class Missing extends UserError {}

async function inTime<T>(waiting: Promise<T>, stallMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stall = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TransferError('transient', `nothing came for ${stallMs / 1000} s`)),
      stallMs,
    );
  });
  try {
    return await Promise.race([waiting, stall]);
  } finally {
    clearTimeout(timer);
  }
}
