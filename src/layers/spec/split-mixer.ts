import { linearAttention } from './linear-attention.js';
import { childCost, type ModuleSpec } from './module-spec.js';
import { recAttn2d } from './rec-attn2d.js';

export interface SplitMixerArgs {
  readonly channels: number;
  readonly heads: number;
  readonly referenceOrder: 'kv-first' | 'qk-first';
  /**
   * What mixes tokens. `recattn`, `attention`: on the first quarter of the channels.
   * `shared`: no weights; the attention outputs of the four blocks before, concatenated.
   */
  readonly mixer: 'recattn' | 'attention' | 'shared';
  readonly fused: boolean;
}

/** The token mixer of T, S and B: `attn` on the first quarter of the channels, the rest passes through. */
export function splitMixer(args: SplitMixerArgs): ModuleSpec {
  const { mixer, heads, referenceOrder, fused } = args;
  const channels = args.channels / 4;
  const attention = { channels, heads, referenceOrder, bias: true, fused };
  const spec: ModuleSpec = {
    type: 'SplitMixer',
    args,
    weights: [],
    children:
      mixer === 'shared'
        ? []
        : [
            [
              'attn',
              mixer === 'recattn' ? recAttn2d(attention) : linearAttention({ ...attention, qk: 'shared' }),
            ],
          ],
    cost(input, report) {
      if (mixer === 'shared') return { ...input, field: Infinity };
      const attended = childCost(spec, 'attn', { ...input, channels }, report);
      return { ...attended, channels: input.channels };
    },
  };
  return spec;
}
