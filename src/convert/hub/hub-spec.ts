import { UsageError } from '../../errors.js';
import { decode } from '../../runtime/fetch/http.js';

/** Something on the model hub: `hf://owner/repo[@revision][/file]`. */
export interface HubSpec {
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** A file or a folder. Undefined: the repository's weights, whatever their file is called. */
  readonly file: string | undefined;
}

export function isHubSpec(weights: string): boolean {
  return weights.startsWith('hf://');
}

const NAME = /^[\w-][\w.-]*$/;

/** Throws UsageError for what is no `hf://owner/repo`. */
export function parseHubSpec(text: string): HubSpec {
  const match = /^hf:\/\/([^/@]+\/[^/@]+)(?:@(refs\/[\w-]+\/[^/]+|[^/]+))?(?:\/(.*?))?\/?$/.exec(text);
  const [, repo = '', revision = 'main', file = ''] = match ?? [];
  // The revision of a pull request has slashes in it.
  const branch = revision.replace(/%2F/gi, '/');
  const safe = [...repo.split('/'), ...branch.split('/')].every((part) => NAME.test(part));
  if (match === null || !safe || !isPlainPath(file)) {
    throw new UsageError(
      `"${text}" is no address on the hub: expected hf://owner/repo, hf://owner/repo@revision or hf://owner/repo/file`,
    );
  }
  return { repo, revision: branch, file: file === '' ? undefined : file };
}

/** A path that stays inside the folder it is joined to, on every system. */
function isPlainPath(path: string): boolean {
  return path === '' || path.split('/').every((part) => !/^\.{0,2}$|[\\:\0]/.test(part));
}

/**
 * The address on the hub of a page or a file there that was copied out of a browser: its files are in the shared cache, and its
 * pages are no weights. Undefined for any other address.
 */
export function hubSpecOf(address: string, endpoint: string): string | undefined {
  if (!address.startsWith(`${endpoint}/`)) return undefined;
  const path = decode(new URL(address).pathname.slice(new URL(endpoint).pathname.replace(/\/$/, '').length));
  const [, repo, rest] = /^\/([^/]+\/[^/]+)(\/.*)?$/.exec(path) ?? [];
  if (repo === undefined || /^(api|datasets|spaces)\//.test(repo)) return undefined;
  const [, revision, file = ''] =
    /^\/(?:resolve|blob|raw|tree)\/(refs\/[\w-]+\/[^/]+|[^/]+)(\/.*)?$/.exec(rest ?? '/tree/main') ?? [];
  return revision === undefined ? undefined : `hf://${repo}@${revision}${file}`;
}
