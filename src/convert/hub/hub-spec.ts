import { UsageError } from '../../errors.js';
import { parseModelName, type Tag } from '../../models/names.js';

/** Something on the model hub: `hf://owner/repo[@revision][/file]`. */
export interface HubSpec {
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Undefined: the repository's weights, whatever their file is called. */
  readonly file: string | undefined;
}

const SCHEME = 'hf://';

export function isHubSpec(weights: string): boolean {
  return weights.startsWith(SCHEME);
}

/** Throws UsageError for what is no `hf://owner/repo`. */
export function parseHubSpec(text: string): HubSpec {
  const match = /^hf:\/\/([\w.-]+\/[\w.-]+)(?:@([^/\s]+))?(?:\/(.+))?$/.exec(text);
  const [, repo, revision = 'main', file] = match ?? [];
  if (repo === undefined || file?.split('/').includes('..')) {
    throw new UsageError(
      `"${text}" is no address on the hub: expected hf://owner/repo, hf://owner/repo@revision or hf://owner/repo/file`,
    );
  }
  return { repo, revision, file };
}

/** Where the published weights of a model lie. A tag in the name wins over `distillation`. */
export function pretrainedSource(model: string, distillation = false): string {
  const parsed = parseModelName(model);
  if (parsed.family === 'regnet') {
    // The reference distils from timm's RegNetY-16GF of DeiT.
    return `hf://timm/${parsed.variant.name}.${parsed.variant.name === 'regnety_160' ? 'deit_in1k' : 'pycls_in1k'}`;
  }
  const tag: Tag = parsed.tag ?? (distillation ? 'dist_300e_in1k' : 'base_300e_in1k');
  return `hf://suous/${parsed.variant.name}.${tag}`;
}
