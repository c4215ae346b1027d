/** One row of the model card (https://huggingface.co/suous): figures as published. */
export interface Published {
  /**
   * ImageNet-1K top-1, percent, 300 epochs with distillation / without. For the share-channel models, which the card does
   * not list: the best epoch of their published training logs.
   */
  readonly top1Dist: number;
  readonly top1Base: number;
  /** Millions, after fusing. */
  readonly params: number;
  readonly gmacs: number;
  /** Milliseconds on an iPhone 13 (Core ML) / on a quad-core ARM Cortex-A57 (ONNX). */
  readonly npuLatencyMs?: number;
  readonly cpuLatencyMs?: number;
  /** Images a second on an RTX 3090. */
  readonly throughput?: number;
  readonly files: PublishedFiles;
}

/** Where the authors published a model, with distillation and without. */
export interface PublishedFiles {
  /** Repositories on the hub: safetensors and config.json. */
  readonly hub: { readonly dist: string; readonly base: string };
  /** Files of a release: training checkpoint, fused TorchScript. Only M and A are known to have them. */
  readonly checkpoint?: { readonly dist: string; readonly base: string };
  readonly fused?: { readonly dist: string; readonly base: string };
}

type Row = [
  top1Dist: number,
  top1Base: number,
  params: number,
  gmacs: number,
  npu?: number,
  cpu?: number,
  throughput?: number,
];

const ROWS: Record<string, Row> = {
  recnext_m0: [74.7, 73.2, 2.5, 0.4, 1.0, 189, 763],
  recnext_m1: [79.2, 78.0, 5.2, 0.9, 1.4, 361, 384],
  recnext_m2: [80.3, 79.2, 6.8, 1.2, 1.5, 431, 325],
  recnext_m3: [80.9, 79.6, 8.2, 1.4, 1.6, 482, 314],
  recnext_m4: [82.5, 81.1, 14.1, 2.4, 2.4, 843, 169],
  recnext_m5: [83.3, 81.6, 22.9, 4.7, 3.4, 1487, 104],
  recnext_a0: [75.0, 73.6, 2.8, 0.4, 1.4, 177, 4902],
  recnext_a1: [79.6, 78.3, 5.9, 0.9, 1.9, 334, 2746],
  recnext_a2: [80.8, 79.6, 7.9, 1.2, 2.2, 413, 2327],
  recnext_a3: [81.1, 80.1, 9.0, 1.4, 2.4, 447, 2206],
  recnext_a4: [82.5, 81.6, 15.8, 2.4, 3.6, 764, 1265],
  recnext_a5: [83.5, 83.1, 25.7, 4.7, 5.6, 1376, 721],
  recnext_t: [76.6, 75.1, 12.1, 0.3, 1.8, 109, 14181],
  recnext_s: [79.6, 78.3, 15.8, 0.7, 2.0, 188, 8234],
  recnext_b: [81.4, 80.3, 19.3, 1.1, 2.5, 290, 4385],
  recnext_t_share_channel: [76.8, 75.2, 12.1, 0.3],
  recnext_s_share_channel: [79.5, 78.3, 15.8, 0.7],
  recnext_b_share_channel: [81.5, 80.3, 19.2, 1.1],
};

/** What was published about a model; undefined for teachers. */
export function published(model: string): Published | undefined {
  const row = ROWS[model];
  if (row === undefined) return undefined;
  const [top1Dist, top1Base, params, gmacs, npuLatencyMs, cpuLatencyMs, throughput] = row;
  return { top1Dist, top1Base, params, gmacs, npuLatencyMs, cpuLatencyMs, throughput, files: filesOf(model) };
}

function filesOf(model: string): PublishedFiles {
  const hub = { dist: `suous/${model}.dist_300e_in1k`, base: `suous/${model}.base_300e_in1k` };
  const release = /^recnext_m\d$/.test(model) ? 'v1.0' : /^recnext_a\d$/.test(model) ? 'v2.0' : undefined;
  if (release === undefined) return { hub };
  const url = (kind: string, end: string): string =>
    `https://github.com/suous/RecNeXt/releases/download/${release}/${model}_${kind}_300e${end}`;
  const pair = (end: string) => ({ dist: url('distill', end), base: url('without_distill', end) });
  return { hub, checkpoint: pair('.pth'), fused: pair('_fused.pt') };
}
