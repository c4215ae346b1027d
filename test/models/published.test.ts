import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listModels } from '../../src/models/names.js';
import { published } from '../../src/models/published.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';

describe('what was published', () => {
  it.each(listModels('recnext_*'))('%s has figures and files', (name) => {
    const { files, top1Dist, top1Base } = published(name)!;
    expect(top1Dist).toBeGreaterThan(top1Base);
    expect(files.hub).toEqual({ dist: `suous/${name}.dist_300e_in1k`, base: `suous/${name}.base_300e_in1k` });
    expect(files.checkpoint !== undefined).toBe(/_[ma]\d$/.test(name));
  });

  it('is undefined for teachers', () => {
    expect(published('regnety_160')).toBeUndefined();
  });

  describe.skipIf(!hasGolden)(`accuracies${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`, () => {
    interface Log {
      max: number;
    }
    const logs = hasGolden
      ? (JSON.parse(readFileSync(`${GOLDEN}logs/summary.json`, 'utf8')) as Record<string, Log>)
      : {};
    // The card's base figures of these two come from runs without drop path.
    const file = (name: string): string =>
      `${/_m[45]$/.test(name) ? 'z_without_drop_path_' : ''}${name}_without_distill_300e.txt`;

    it.each(listModels('recnext_*'))('%s: the best epochs of the published logs', (name) => {
      const { top1Dist, top1Base } = published(name)!;
      expect(logs[`${name}_distill_300e.txt`]!.max.toFixed(1)).toBe(top1Dist.toFixed(1));
      expect(logs[file(name)]!.max.toFixed(1)).toBe(top1Base.toFixed(1));
    });
  });
});
