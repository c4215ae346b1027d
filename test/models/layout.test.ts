import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { countParameters, namedWeights } from '../../src/layers/spec/module-spec.js';
import { resolveRecNext, type RecNextOptions } from '../../src/models/recnext-config.js';
import { recNextSpec } from '../../src/models/recnext-spec.js';
import { summarise } from '../../src/models/summary.js';
import { listModels } from '../../src/models/names.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';

type Layout = [name: string, shape: number[]][];

interface GoldenModel {
  params: number;
  params_fused: number;
  state_dict: Layout;
  state_dict_fused: Layout;
  drop_path_without_distillation: Record<string, number>;
  drop_path_with_distillation: Record<string, number>;
}

interface GoldenTable {
  ops_train_mode: { total: number; by_operator: Record<string, number> };
  rounded: { ops_G_1_decimal: number; params_M: number };
  card: { params_M: number; macs_G: number };
  params_match: boolean;
}

function golden<T>(file: string): T {
  return JSON.parse(readFileSync(`${GOLDEN}${file}`, 'utf8')) as T;
}

function layoutOf(name: string, options: RecNextOptions): Layout {
  return namedWeights(recNextSpec(resolveRecNext(name, options))).map(([key, { shape }]) => [
    key,
    [...shape],
  ]);
}

describe.skipIf(!hasGolden)(`weights of every variant${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`, () => {
  it.each(listModels('recnext_*'))('%s has the keys, shapes and order of the reference', (name) => {
    const expected = golden<GoldenModel>(`models/${name}.json`);
    expect(layoutOf(name, {})).toEqual(expected.state_dict);
    expect(layoutOf(name, { distillation: true })).toEqual(expected.state_dict);
    expect(layoutOf(name, { fuse: 'reference' })).toEqual(expected.state_dict_fused);
  });

  it.each(listModels('recnext_*'))('%s has no batch norm left after full fusion', (name) => {
    const keys = layoutOf(name, { fuse: 'full' }).map(([key]) => key);
    expect(keys.filter((key) => /norm|running|tracked/.test(key))).toEqual([]);
  });

  it.each(listModels('recnext_*'))('%s counts parameters and operations as the reference does', (name) => {
    const expected = golden<GoldenModel>(`models/${name}.json`);
    const table = golden<Record<string, GoldenTable>>('table.json')[name]!;
    const summary = summarise(name);
    expect(summary.params).toBe(expected.params);
    expect(summary.paramsFused).toBe(expected.params_fused);
    const { total, by_operator: by } = table.ops_train_mode;
    expect(summary.macs).toBe(total);
    expect(summary.macsByKind.conv).toBe(by.conv);
    expect(summary.macsByKind.linear).toBe(by.linear);
    expect(summary.macsByKind.matmul).toBe(by.matmul);
    expect(summary.macsByKind.batch_norm).toBe(by.batch_norm);
    expect(summary.macsByKind.resize).toBe(by.upsample_bilinear2d ?? by.upsample_nearest2d);
  });

  it.each(listModels('recnext_*'))('%s agrees with the published table to its rounding', (name) => {
    const { params_match, card } = golden<Record<string, GoldenTable>>('table.json')[name]!;
    const { paramsFused, macs } = summarise(name);
    expect((macs / 1e9).toFixed(1)).toBe(card.macs_G.toFixed(1));
    // The reference itself gives 6.86 M for M2 (published: 6.8) and 12.05 M for T share-channel (published: 12.1).
    const agrees = (paramsFused / 1e6).toFixed(1) === card.params_M.toFixed(1);
    expect(agrees).toBe(params_match);
    if (!agrees) expect(['recnext_m2', 'recnext_t_share_channel']).toContain(name);
  });

  it.each(listModels('recnext_*'))('%s drops paths at the reference rates', (name) => {
    const expected = golden<GoldenModel>(`models/${name}.json`);
    expect(dropRates(name, { distillation: true })).toEqual({});
    const rates = dropRates(name, {});
    expect(Object.keys(rates).sort()).toEqual(Object.keys(expected.drop_path_without_distillation).sort());
    for (const [key, rate] of Object.entries(rates)) {
      expect(rate).toBeCloseTo(expected.drop_path_without_distillation[key]!, 7);
    }
  });

  it('counts other class counts', () => {
    const counts =
      golden<Record<string, { params: number; params_fused: number }>>('models/class_counts.json');
    for (const name of ['recnext_m0', 'recnext_a0']) {
      for (const numClasses of [0, 10]) {
        const summary = summarise(name, { numClasses });
        expect(summary.params).toBe(counts[`${name}.classes${numClasses}`]!.params);
        expect(summary.paramsFused).toBe(counts[`${name}.classes${numClasses}`]!.params_fused);
      }
    }
  });

  it('has the parameters of the custom tiny models', () => {
    const { models } = golden<{
      models: Record<string, { config: Record<string, unknown>; state_dict: Layout }>;
    }>('checkpoints/index.json');
    const names = { m: 'recnext_m0', a: 'recnext_a0', t: 'recnext_t', t_share: 'recnext_t_share_channel' };
    for (const [key, name] of Object.entries(names)) {
      const { config, state_dict } = models[key]!;
      const options: RecNextOptions = {
        embedDim: config.embed_dim as number[],
        depth: config.depth as number[],
        mlpRatio: (config.mlp_ratio ?? config.mlp_ratios) as number[] | undefined,
        numHeads: config.num_heads as number[] | undefined,
        numClasses: config.num_classes as number,
      };
      expect(layoutOf(name, options)).toEqual(state_dict);
    }
  });
});

function dropRates(name: string, options: RecNextOptions): Record<string, number> {
  const rates: Record<string, number> = {};
  const visit = (spec: ReturnType<typeof recNextSpec>, path: string): void => {
    const { dropPath } = spec.args as { dropPath?: number };
    const drops = /Block$|GroupedDownsample/.test(spec.type);
    if (drops && dropPath !== undefined && dropPath > 0) rates[`${path}.drop_path`] = dropPath;
    for (const [child, childSpec] of spec.children)
      visit(childSpec, path === '' ? child : `${path}.${child}`);
  };
  visit(recNextSpec(resolveRecNext(name, options)), '');
  return rates;
}

describe('parameter counts', () => {
  it('does not count running statistics', () => {
    const spec = recNextSpec(
      resolveRecNext('recnext_m0', { embedDim: [4, 8, 16, 32], depth: [1, 1, 2, 1], numClasses: 10 }),
    );
    expect(countParameters(spec)).toBe(23822);
  });
});
