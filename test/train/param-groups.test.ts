import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decays } from '../../src/train/param-groups.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';

interface Training {
  variant: string;
  param_groups: { options: { weight_decay: number }; names: string[] }[];
}
interface Layout {
  state_dict: [string, number[]][];
}

const read = (file: string): unknown => JSON.parse(readFileSync(GOLDEN + file, 'utf8'));

describe('weight-decay groups', () => {
  for (const name of ['m0_dist', 'a0_dist', 't_dist', 't_share_dist', 'm4_plain'])
    it.skipIf(!hasGolden)(
      `equal the reference, entry by entry: ${name}${hasGolden ? '' : `: ${NO_GOLDEN}`}`,
      () => {
        const { variant, param_groups } = read(`training/${name}.json`) as Training;
        const shapes = (read(`models/${variant}.json`) as Layout).state_dict;
        const learnable = shapes.filter(
          ([key]) => !/\.(running_mean|running_var|num_batches_tracked)$/.test(key),
        );
        const namesOf = (decay: boolean) =>
          learnable.filter(([key, shape]) => decays(key, shape) === decay).map(([key]) => key);
        expect(param_groups.map((group) => group.options.weight_decay)).toEqual([0, 0.025]);
        expect(namesOf(false)).toEqual(param_groups[0]!.names);
        expect(namesOf(true)).toEqual(param_groups[1]!.names);
      },
    );

  it('leaves out biases of more than one dimension', () => {
    expect(decays('attention.bias', [4, 4])).toBe(false);
    expect(decays('attention.weight', [4, 4])).toBe(true);
    expect(decays('norm.weight', [4])).toBe(false);
  });
});
