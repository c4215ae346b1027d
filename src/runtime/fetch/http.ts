import { UserError } from '../../errors.js';
import { busyReply, transferError, TransferError } from './transfer-error.js';

/** Who asks: where the user's credentials belong, and how patient to be. */
export interface Client {
  /** Sent to this origin and to no other, whatever redirects say. */
  readonly credentials: { readonly origin: string; readonly authorization: string } | undefined;
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** The body, as it comes. Throws TransferError where it breaks off or nothing comes for too long. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Gives the connection up without reading the body. */
  discard(): Promise<void>;
}

export interface Ask {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** Redirects to another origin are given back, not followed. */
  readonly sameOrigin?: boolean;
}

const MAX_REDIRECTS = 10;

/**
 * Asks, following redirects. They are followed here and not by fetch, so that credentials go where they belong and nowhere else.
 *
 * @throws TransferError for a network that fails or a server that is busy, UserError for redirects that lead nowhere
 */
export async function ask(
  address: string,
  { method, headers, sameOrigin }: Ask,
  client: Client,
): Promise<Reply> {
  let url = new URL(address);
  for (let hops = 0; ; hops++) {
    const { credentials } = client;
    const own: Record<string, string> =
      credentials?.origin === url.origin ? { authorization: credentials.authorization } : {};
    const reply = await send(url, method ?? 'GET', { ...headers, ...own }, client);
    const next = redirection(reply, url);
    if (next === undefined || (sameOrigin && next.origin !== url.origin)) {
      if (next === undefined) await refuseBusy(reply);
      return reply;
    }
    await reply.discard();
    if (hops === MAX_REDIRECTS)
      throw new UserError(
        `${display(address)} redirects in circles (${MAX_REDIRECTS} times): check the address`,
      );
    url = next;
  }
}

function redirection({ status, headers }: Reply, from: URL): URL | undefined {
  const location = headers.get('location');
  if (![301, 302, 303, 307, 308].includes(status) || location === null) return undefined;
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const allowed = from.protocol === 'https:' ? ['https:'] : ['https:', 'http:'];
  if (to === undefined || !allowed.includes(to.protocol))
    throw new UserError(
      `${display(from.href)} redirects to ${to ? `an address of the kind ${to.protocol}//` : 'no address'}, expected ${allowed.join(' or ')}//`,
    );
  return to;
}

/** A server that has no time now is asked again. */
async function refuseBusy(reply: Reply): Promise<void> {
  const busy = busyReply(reply.status, reply.headers);
  if (busy === undefined) return;
  await reply.discard();
  throw busy;
}

async function send(
  url: URL,
  method: string,
  headers: Readonly<Record<string, string>>,
  { stallMs, signal }: Client,
): Promise<Reply> {
  const controller = new AbortController();
  const signals = signal ? [controller.signal, signal] : [controller.signal];
  const patiently = async <T>(waiting: Promise<T>): Promise<T> => {
    const stall = new TransferError('transient', `nothing came for ${stallMs / 1000} s`);
    const timer = setTimeout(() => controller.abort(stall), stallMs);
    try {
      return await waiting;
    } catch (error) {
      signal?.throwIfAborted();
      throw controller.signal.aborted ? stall : transferError(error);
    } finally {
      clearTimeout(timer);
    }
  };
  const response = await patiently(
    fetch(url, {
      method,
      // Compressed bodies have neither the length nor the ranges of the file.
      headers: { 'accept-encoding': 'identity', 'user-agent': 'recnext', ...headers },
      redirect: 'manual',
      signal: AbortSignal.any(signals),
    }),
  );
  return {
    status: response.status,
    headers: response.headers,
    async *chunks() {
      const reader = response.body?.getReader();
      try {
        while (reader) {
          const { done, value } = await patiently(reader.read());
          if (done) break;
          yield value;
        }
      } finally {
        controller.abort();
      }
    },
    async discard() {
      await response.body?.cancel().catch(() => undefined);
      controller.abort();
    },
  };
}

/** A part of an address without its percent signs, or as it is where they are none of its kind. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** An address for people: what signs or authorises it is left out. */
export function display(address: string): string {
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}
