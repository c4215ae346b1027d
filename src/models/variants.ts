/** What tells one published RecNeXt from another (architecture tables of the paper and of the reference). */
export interface Variant {
  readonly name: string;
  /** `t`: the T, S and B models, made for the comparison with LSNet. */
  readonly series: 'm' | 'a' | 't';
  readonly dims: readonly number[];
  readonly depths: readonly number[];
  /** MLP width over channels, by stage. */
  readonly mlpRatios: readonly number[];
  /** Attention heads by stage; none in the M series. */
  readonly heads: readonly number[];
  /** Attention outputs shared between blocks of the last stage (T, S and B only). */
  readonly shareChannel: boolean;
  /** Stochastic depth rate without distillation; with it there is none. */
  readonly dropPath: number;
}

type Row = [suffix: string, dim: number, depths: number[], aRatio: number, dropM: number, dropA: number];

const ROWS: readonly Row[] = [
  ['0', 40, [2, 2, 9, 1], 2, 0, 0],
  ['1', 48, [3, 3, 15, 2], 2, 0, 0],
  ['2', 56, [3, 3, 15, 2], 2, 0, 0],
  ['3', 64, [3, 3, 13, 2], 1.875, 0, 0],
  ['4', 64, [5, 5, 25, 4], 1.875, 0.2, 0.2],
  ['5', 80, [7, 7, 35, 2], 1.875, 0.3, 0.3],
];

function ladder(series: 'm' | 'a'): Variant[] {
  return ROWS.map(([suffix, dim, depths, aRatio, dropM, dropA]) => ({
    name: `recnext_${series}${suffix}`,
    series,
    dims: [dim, 2 * dim, 4 * dim, 8 * dim],
    depths,
    mlpRatios: Array<number>(4).fill(series === 'a' ? aRatio : 2),
    heads: series === 'a' ? [2, 4, 8, 16] : [],
    shareChannel: false,
    dropPath: series === 'a' ? dropA : dropM,
  }));
}

function lsnetSize(size: string, dims: number[], depths: number[], dropPath: number): Variant[] {
  const common = { series: 't', dims, depths, mlpRatios: [2, 2, 2, 1.5], dropPath } as const;
  return [
    { ...common, name: `recnext_${size}`, heads: [1, 1, 1, 2], shareChannel: false },
    { ...common, name: `recnext_${size}_share_channel`, heads: [1, 1, 1, 1], shareChannel: true },
  ];
}

export const VARIANTS: readonly Variant[] = [
  ...ladder('m'),
  ...ladder('a'),
  ...lsnetSize('t', [64, 128, 256, 512], [0, 2, 8, 10], 0),
  ...lsnetSize('s', [128, 256, 384, 512], [0, 2, 8, 10], 0.1),
  ...lsnetSize('b', [128, 256, 384, 512], [2, 8, 8, 12], 0.2),
];

/** A RegNetY as timm names and builds it (arXiv 2003.13678). */
export interface RegNetVariant {
  readonly name: string;
  readonly widths: readonly number[];
  readonly depths: readonly number[];
  readonly groupWidth: number;
  readonly cropPct: number;
}

/** RegNetY-16GF is the reference's teacher; the others are small enough to try things with. */
export const REGNETS: readonly RegNetVariant[] = [
  { name: 'regnety_002', widths: [24, 56, 152, 368], depths: [1, 1, 4, 7], groupWidth: 8, cropPct: 0.875 },
  { name: 'regnety_016', widths: [48, 120, 336, 888], depths: [2, 6, 17, 2], groupWidth: 24, cropPct: 0.965 },
  {
    name: 'regnety_160',
    widths: [224, 448, 1232, 3024],
    depths: [2, 4, 11, 1],
    groupWidth: 112,
    cropPct: 0.95,
  },
];
