import { UsageError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { REGNETS, VARIANTS, type RegNetVariant, type Variant } from './variants.js';

/** Tags of the published weights of each RecNeXt. */
export const TAGS = ['dist_300e_in1k', 'base_300e_in1k'] as const;

export type Tag = (typeof TAGS)[number];

/** A model name taken apart: `recnext_m3` or `recnext_m3.dist_300e_in1k`; teachers have no tags. */
export type ModelName =
  | { readonly family: 'recnext'; readonly variant: Variant; readonly tag: Tag | undefined }
  | { readonly family: 'regnet'; readonly variant: RegNetVariant };

/** Throws UsageError, with the nearest known one, for an unknown model or tag. */
export function parseModelName(name: string): ModelName {
  const [base = '', ...rest] = name.split('.');
  const regnet = REGNETS.find((known) => known.name === name);
  if (regnet !== undefined) return { family: 'regnet', variant: regnet };
  const variant = VARIANTS.find((known) => known.name === base);
  if (variant === undefined) {
    const names = listModels();
    throw new UsageError(`unknown model "${name}".${didYouMean(base, names)} Known: ${names.join(', ')}`);
  }
  const text = rest.join('.');
  const tag = TAGS.find((known) => known === text);
  if (rest.length > 0 && tag === undefined) {
    throw new UsageError(
      `unknown tag "${text}" of model "${base}".${didYouMean(text, TAGS)} Known: ${TAGS.join(', ')}`,
    );
  }
  return { family: 'recnext', variant, tag };
}

/**
 * Names of the models there are, as timm's `list_models` gives them.
 *
 * @param filter `*` stands for any text: `recnext_m*`; default: all, teachers included
 * @param tagged the RecNeXt with the tags of their published weights (`recnext_m0.dist_300e_in1k`)
 */
export function listModels(filter = '*', { tagged = false }: { tagged?: boolean } = {}): string[] {
  const pattern = new RegExp(`^${filter.split('*').map(escape).join('.*')}$`);
  const students = VARIANTS.flatMap(({ name }) => (tagged ? TAGS.map((tag) => `${name}.${tag}`) : [name]));
  return [...students, ...REGNETS.map(({ name }) => name)].filter((name) => pattern.test(name));
}

function escape(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
