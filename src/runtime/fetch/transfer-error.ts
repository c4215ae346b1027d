import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.js';
import { fetchTiming, type FetchOptions } from './fetch-options.js';

/**
 * Why a transfer failed: `transient`, it may go better next time; `busy`, the server said so itself; `unreachable`, there is no
 * way to the server; `untrusted`, it has no certificate that Node.js trusts; `changed`, the file is another one than before.
 */
export type TransferFailure = 'transient' | 'busy' | 'unreachable' | 'untrusted' | 'changed';

export class TransferError extends Error {
  override readonly name = 'TransferError';

  constructor(
    readonly kind: TransferFailure,
    message: string,
    /** When the server wants to be asked again. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

/** Errors of fetch by the code of their cause. Everything else counts as transient. */
const CAUSES: readonly [codes: RegExp, kind: TransferFailure, text: string][] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'unreachable', 'its name is unknown: is there a network?'],
  [/^ECONNREFUSED$/, 'unreachable', 'nothing listens there'],
  [/^(ENETUNREACH|EHOSTUNREACH|ENETDOWN|EADDRNOTAVAIL)$/, 'unreachable', 'there is no way to it'],
  [/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO/, 'untrusted', 'its certificate is not trusted'],
  [/TIMEOUT|ETIMEDOUT/, 'transient', 'it does not answer in time'],
  [/^(ECONNRESET|UND_ERR_SOCKET|EPIPE)$/, 'transient', 'the connection broke'],
];

/** What fetch throws, in our words. Its own messages may quote headers and are dropped. */
export function transferError(error: unknown): TransferError {
  if (error instanceof TransferError) return error;
  const { code, errors } = ((error as Error).cause ?? error) as {
    code?: string;
    errors?: { code?: string }[];
  };
  const found = code ?? errors?.[0]?.code ?? '';
  const [, kind, text] = CAUSES.find(([codes]) => codes.test(found)) ?? [
    '',
    'transient',
    'the connection broke',
  ];
  return new TransferError(kind as TransferFailure, found === '' ? text : `${text} (${found})`);
}

/** A reply that asks to try again: overload and failures of the server. Undefined for any other. */
export function busyReply(status: number, headers: Headers): TransferError | undefined {
  if (status !== 408 && status !== 429 && status < 500) return undefined;
  const seconds = Number(headers.get('retry-after') ?? 0);
  return new TransferError('busy', `it answers ${status}`, seconds > 0 ? seconds * 1000 : 0);
}

const MAX_BACKOFF_MS = 30_000;

/** Waits before attempt `failures + 1`, longer each time, and as long as the server asks for within reason. */
export async function backOff(failures: number, error: TransferError, options: FetchOptions): Promise<void> {
  const own = fetchTiming(options).backoffMs * 2 ** (failures - 1);
  await sleep(Math.min(MAX_BACKOFF_MS, Math.max(own, error.retryAfterMs)), undefined, {
    signal: options.signal,
  }).catch((reason: unknown) => {
    options.signal?.throwIfAborted();
    throw reason;
  });
}

/** Runs `body` until it goes through, as often as the timing says. */
export async function withRetries<T>(options: FetchOptions, body: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await body();
    } catch (error) {
      const again = error instanceof TransferError && (error.kind === 'transient' || error.kind === 'busy');
      if (!again || failures > fetchTiming(options).retries) throw error;
      await backOff(failures, error, options);
    }
  }
}

/** A file could not be fetched, for the network, the server or the disk: nothing is known of its bytes. */
export class FetchFailedError extends UserError {}

/** What a user can do about a transfer that failed for good. Anything but a TransferError passes through. */
export function explainTransfer(error: unknown, what: string, server: string, offlineHint: string): unknown {
  if (!(error instanceof TransferError)) return error;
  const { host } = new URL(server);
  switch (error.kind) {
    case 'unreachable':
      return new FetchFailedError(
        `${what}: ${host} cannot be reached: ${error.message}.${proxyHint()} Without a network, download by other means and give the path${offlineHint}`,
      );
    case 'untrusted':
      return new FetchFailedError(
        `${what}: the connection to ${host} is refused: ${error.message}. Behind a company's proxy, set NODE_EXTRA_CA_CERTS to the file of its certificate`,
      );
    case 'busy':
    case 'transient':
    case 'changed':
      return new FetchFailedError(
        `${what}: fetching from ${host} failed again and again: ${error.message}. Try later: what has come is kept, and it goes on from there`,
      );
  }
}

/** fetch of Node.js goes past proxies unless told. */
function proxyHint(): string {
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy, NODE_USE_ENV_PROXY } = process.env;
  const proxy = HTTPS_PROXY || https_proxy || HTTP_PROXY || http_proxy;
  return proxy && NODE_USE_ENV_PROXY !== '1'
    ? ' There is a proxy in the environment: NODE_USE_ENV_PROXY=1 makes Node.js 22.21 or newer use it.'
    : '';
}
