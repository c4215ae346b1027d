import { TAGS, VARIANTS } from './variants.js';

/**
 * Names of the models there are, as timm's `list_models` gives them.
 *
 * @param filter `*` stands for any text: `recnext_m*`; default: all
 * @param tagged with the tags of the published weights (`recnext_m0.dist_300e_in1k`)
 */
export function listModels(filter = '*', { tagged = false }: { tagged?: boolean } = {}): string[] {
  const pattern = new RegExp(`^${filter.split('*').map(escape).join('.*')}$`);
  const names = VARIANTS.flatMap(({ name }) => (tagged ? TAGS.map((tag) => `${name}.${tag}`) : [name]));
  return names.filter((name) => pattern.test(name));
}

function escape(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
