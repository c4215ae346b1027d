import { parseModelName, type Tag } from '../../models/names.js';
import { published } from '../../models/published.js';

/**
 * Tags of timm's weights that are meant by a teacher's bare name. RegNetY-16GF: those DeiT distils from, and the reference; the
 * others: timm's own choice, which the models' preprocessing follows.
 */
const TEACHER_TAGS: Readonly<Record<string, string>> = {
  regnety_002: 'pycls_in1k',
  regnety_016: 'tv2_in1k',
  regnety_160: 'deit_in1k',
};

/**
 * Where the published weights of a model lie.
 *
 * @param name a tag in it wins over `distillation`
 * @throws UsageError for an unknown model
 */
export function pretrainedSource(
  name: string,
  { distillation = false }: { distillation?: boolean } = {},
): string {
  const parsed = parseModelName(name);
  const model = parsed.variant.name;
  if (parsed.family === 'regnet') return `hf://timm/${model}.${TEACHER_TAGS[model]}`;
  const tag: Tag = parsed.tag ?? (distillation ? 'dist_300e_in1k' : 'base_300e_in1k');
  const { hub } = published(model)!.files;
  return `hf://${tag === 'dist_300e_in1k' ? hub.dist : hub.base}`;
}
