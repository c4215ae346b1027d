/** How one parameter is updated. Parameters of equal settings are a group in PyTorch's sense. */
export interface ParameterSettings {
  /** 0: does not decay. */
  readonly weightDecay: number;
  /** Its share of the learning rate. */
  readonly lrScale: number;
}

export interface GroupOptions {
  readonly weightDecay: number;
  /** Names of further parameters without decay (timm's `no_weight_decay_list`). */
  readonly decayExclude?: readonly string[];
  /** Factor of the learning rate from one layer to the one before it (timm's `--layer-decay`). Default: the same for all. */
  readonly layerDecay?: number;
}

/**
 * Whether weight decay applies to a parameter. The rule of timm's `param_groups_weight_decay`: not to tensors of at most one
 * dimension and not to names ending in `.bias`.
 *
 * @param shape in any layout: only its rank counts
 */
export function decays(name: string, shape: readonly number[]): boolean {
  return shape.length > 1 && !name.endsWith('.bias');
}

/** The settings of every parameter, by name, in the order given. */
export function parameterSettings(
  parameters: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  { weightDecay, decayExclude = [], layerDecay }: GroupOptions,
): Map<string, ParameterSettings> {
  const exempt = namePattern(decayExclude);
  const scales = layerDecay === undefined ? undefined : layerScales([...parameters.keys()], layerDecay);
  return new Map(
    [...parameters].map(([name, { shape }]) => [
      name,
      {
        weightDecay: decays(name, shape) && !exempt(name) ? weightDecay : 0,
        lrScale: scales?.get(name) ?? 1,
      },
    ]),
  );
}

/**
 * Shares of the learning rate by layer: 1 for the head, `decay` for the last block, `decay²` for the one before, …, as timm's
 * `param_groups_layer_decay` gives them with the layers of ConvNeXt, which RecNeXt's are named after: the stem is a layer, every block is
 * one, a downsampling belongs to the block behind it. RegNet's blocks (`s1.b1`) likewise.
 */
export function layerScales(names: readonly string[], decay: number): Map<string, number> {
  const keys = names.map(layerKey);
  const layers = [...new Set(keys)].sort((a, b) => a - b);
  return new Map(names.map((name, i) => [name, decay ** (layers.length - 1 - layers.indexOf(keys[i]!))]));
}

/** More blocks than a stage has. */
const STAGE = 1000;

function layerKey(name: string): number {
  if (name.startsWith('stem')) return 0;
  const recnext = /^stages\.(\d+)\.(?:downsample|blocks\.(\d+))/.exec(name);
  if (recnext) return 1 + Number(recnext[1]) * STAGE + Number(recnext[2] ?? 0);
  const regnet = /^s(\d+)\.b(\d+)/.exec(name);
  return regnet ? 1 + Number(regnet[1]) * STAGE + Number(regnet[2]) : Infinity;
}

/**
 * Whether a name is meant by one of `patterns`: a module's or parameter's own name (`stem`, `stages.0`, `head.head.linear.bias`), which
 * means everything in it, or a name with `*` for any characters (`*.norm.weight`).
 */
export function namePattern(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const literal = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${literal.join('.*')}(\\..*)?$`);
  });
  return (name) => expressions.some((expression) => expression.test(name));
}
