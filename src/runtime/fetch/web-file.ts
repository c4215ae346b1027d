import { UserError } from '../../errors.js';
import { fetchTiming, type FetchOptions } from './fetch-options.js';
import { ask, decode, type Client, type Reply } from './http.js';
import type { Remote } from './transfer.js';

/** What tells two versions of a file apart. */
export interface Validators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/**
 * Asks for the first byte: servers that know ranges say the size with it, and addresses that are signed for GET, which are no good
 * for HEAD, work as well.
 *
 * @param where what messages call the file
 * @param known what a copy that is there was fetched as
 * @returns `unchanged` where the server says that the copy is still the same
 */
export async function probe(
  url: string,
  where: string,
  known: Validators | undefined,
  client: Client,
): Promise<Remote | 'unchanged'> {
  const headers: Record<string, string> = { range: 'bytes=0-0' };
  if (known?.etag !== undefined) headers['if-none-match'] = known.etag;
  else if (known?.lastModified !== undefined) headers['if-modified-since'] = known.lastModified;
  const reply = await ask(url, { headers }, client);
  await reply.discard();
  const { status, headers: found } = reply;
  if (status === 304) return 'unchanged';
  const refuse = (other: Reply): UserError => refusal(other, where);
  if (status !== 200 && status !== 206) throw refuse(reply);
  const encoded = found.get('content-encoding') !== null;
  const size = Number(
    (status === 206 ? found.get('content-range')?.split('/')[1] : found.get('content-length')) ?? NaN,
  );
  return {
    url,
    size: encoded || !Number.isSafeInteger(size) ? undefined : size,
    etag: found.get('etag') ?? undefined,
    lastModified: found.get('last-modified') ?? undefined,
    ranges: status === 206,
    refuse,
  };
}

/** A file that was not asked for yet. */
export function unknownFile(url: string, where: string): Remote {
  return { url, size: undefined, refuse: (reply) => refusal(reply, where) };
}

function refusal({ status }: Reply, where: string): UserError {
  if (status === 416) return new UserError(`${where} is an empty file`);
  if (status === 404 || status === 410)
    return new UserError(`${where}: there is no such file on the server (${status}): check the address`);
  if (status === 401 || status === 403)
    return new UserError(
      `${where}: the server refuses access (${status}): a signed address may be out of date; otherwise download the file by other means and give its path`,
    );
  return new UserError(`${where}: the server answers ${status}, expected 200`);
}

/**
 * Who asks for an address: a user name and a password in it go to its own server, and into no message.
 * @param what is at the address, for messages
 */
export function clientOf(
  address: string,
  what: string,
  options: FetchOptions,
): { url: string; client: Client } {
  if (!URL.canParse(address))
    throw new UserError(`the address of ${what} is no URL: expected https://HOST/FILE`);
  const url = new URL(address);
  const login = `${decode(url.username)}:${decode(url.password)}`;
  url.username = url.password = url.hash = '';
  const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
  return {
    url: url.href,
    client: {
      credentials: login === ':' ? undefined : { origin: url.origin, authorization },
      stallMs: fetchTiming(options).stallMs,
      signal: options.signal,
    },
  };
}
