import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../errors.js';

/** What Python's huggingface_hub would be told by this environment. */
export interface HubEnvironment {
  /** `HF_ENDPOINT`, without a slash at the end. */
  readonly endpoint: string;
  /** Folder of the cache that all clients of the hub share. */
  readonly cache: string;
}

const { env } = process;

/** Reads the environment as huggingface_hub does, at each call. Throws UsageError for an endpoint that is no URL. */
export function hubEnvironment(): HubEnvironment {
  return { endpoint: endpoint(), cache: hubCache() };
}

/** Whether only the cache may be used: `HF_HUB_OFFLINE`, or `TRANSFORMERS_OFFLINE`. */
export function isOffline(): boolean {
  return isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE);
}

/**
 * The user's token, from where huggingface_hub takes it; undefined without one. It must never reach a message.
 *
 * @throws UsageError for a text that no HTTP header can carry
 */
export function hubToken(): string | undefined {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  for (const [source, text] of tokenSources()) {
    const token = text.replace(/[\r\n]/g, '').trim();
    if (token === '') continue;
    // An HTTP library would quote it in its own error.
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new UsageError(`${source} holds no token: it has spaces or unprintable characters in it`);
    return token;
  }
  return undefined;
}

function* tokenSources(): Iterable<[source: string, text: string]> {
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN']) yield [name, env[name] ?? ''];
  const path = expand(env.HF_TOKEN_PATH) ?? join(hubHome(), 'token');
  try {
    yield [path, readFileSync(path, 'utf8')];
  } catch {
    // Nobody has logged in here.
  }
}

function endpoint(): string {
  const text = (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  if (!/^https?:\/\/[^\s@]+$/i.test(text) || !URL.canParse(text))
    throw new UsageError('HF_ENDPOINT is no address of a hub: expected https://HOST, without a password');
  return text;
}

function hubHome(): string {
  return expand(env.HF_HOME) ?? join(expand(env.XDG_CACHE_HOME) ?? join(homedir(), '.cache'), 'huggingface');
}

function hubCache(): string {
  return expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE) ?? join(hubHome(), 'hub');
}

/** `~` and `$NAME` in a path, as Python's expanduser and expandvars; an empty text counts as unset. */
function expand(path: string | undefined): string | undefined {
  if (!path) return undefined;
  return path
    .replace(/^~(?=$|[\\/])/, () => homedir())
    .replace(
      /\$(?:(\w+)|\{(\w+)\})/g,
      (whole, plain: string, braced: string) => env[plain ?? braced] ?? whole,
    );
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}
