import { UserError } from '../../errors.js';
import type { FetchOptions } from './fetch-options.js';
import type { Client, Reply } from './http.js';
import { explainTransfer, TransferError, withRetries } from './transfer-error.js';
import { askFor, type Remote } from './transfer.js';
import { wholeBody } from './whole-body.js';

/**
 * A part of a file on a server, asked for again where it breaks off or nothing comes.
 *
 * @param name what messages call the file
 * @throws UserError for a server that knows no ranges or a file that changed meanwhile, FetchFailedError for a network that fails for good
 */
export async function readRange(
  remote: Remote,
  name: string,
  offset: number,
  length: number,
  client: Client,
  options: FetchOptions,
): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  const headers = { range: `bytes=${offset}-${offset + length - 1}` };
  try {
    return await withRetries(options, async () => {
      const reply = await askFor(remote, headers, client);
      try {
        checkPart(reply, remote, name, offset);
        return await collect(reply, length);
      } finally {
        await reply.discard();
      }
    });
  } catch (error) {
    throw explainTransfer(error, name, remote.url, '');
  }
}

/** What servers answer for a file that they do not have. */
const GONE: readonly number[] = [404, 410];
/** Buckets without the right to list them answer 403 for it: whether a file may not be read or is not there, they do not tell. */
const GONE_OR_HIDDEN: readonly number[] = [...GONE, 403];

/**
 * A small file, whole; undefined where the server has none.
 * @param limit bytes
 * @param expected it must be there: then 403 is a refusal, and else as good as none
 * @throws UserError for what the server refuses, FetchFailedError for a network that fails for good
 */
export async function readWhole(
  remote: Remote,
  name: string,
  limit: number,
  client: Client,
  options: FetchOptions,
  expected = false,
): Promise<Buffer | undefined> {
  try {
    return await withRetries(options, async () => {
      const reply = await askFor(remote, {}, client);
      try {
        if ((expected ? GONE : GONE_OR_HIDDEN).includes(reply.status)) return undefined;
        if (reply.status !== 200) throw remote.refuse(reply);
        return await wholeBody(reply, limit, `${name} has more than ${limit} bytes: expected a small file.`);
      } finally {
        await reply.discard();
      }
    });
  } catch (error) {
    throw explainTransfer(error, name, remote.url, '');
  }
}

function checkPart(reply: Reply, remote: Remote, name: string, offset: number): void {
  const { status, headers } = reply;
  if (status === 200)
    throw new UserError(
      `${name}: the server sends whole files only (no ranges): fetch the file by other means and give its path.`,
    );
  if (status !== 206) throw remote.refuse(reply);
  const etag = headers.get('etag');
  if (remote.etag !== undefined && etag !== null && etag !== remote.etag)
    throw new UserError(`${name} changed on the server since it was opened: start again.`);
  const [, start] = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '') ?? [];
  if (Number(start) !== offset) throw new TransferError('transient', 'another part came than was asked for');
}

async function collect(reply: Reply, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let received = 0;
  for await (const chunk of reply.chunks()) {
    if (received + chunk.length > length)
      throw new TransferError('transient', `more than the ${length} bytes asked for came`);
    bytes.set(chunk, received);
    received += chunk.length;
  }
  if (received < length)
    throw new TransferError('transient', `it broke off after ${received} of ${length} bytes`);
  return bytes;
}
