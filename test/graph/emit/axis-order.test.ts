import { describe, expect, it } from 'vitest';
import {
  CHANNELS_FIRST,
  orderWithout,
  permutation,
  placed,
  placesOf,
  reshapedOrder,
  transposedOrder,
} from '../../../src/graph/emit/axis-order.js';

describe('the order in which axes lie', () => {
  it('places shapes and axes', () => {
    expect(placed([2, 5, 7, 3], CHANNELS_FIRST)).toEqual([2, 3, 5, 7]);
    expect(placesOf(CHANNELS_FIRST, [1, 2])).toEqual([2, 3]);
    expect(permutation([0, 1, 2, 3], CHANNELS_FIRST)).toEqual([0, 3, 1, 2]);
    expect(permutation(CHANNELS_FIRST, [0, 1, 2, 3])).toEqual([0, 2, 3, 1]);
  });

  it('loses axes that are reduced', () => {
    expect(orderWithout(CHANNELS_FIRST, [1, 2])).toEqual([0, 1]);
    expect(orderWithout(CHANNELS_FIRST, [3])).toEqual([0, 1, 2]);
    expect(orderWithout(CHANNELS_FIRST, [0])).toEqual([2, 0, 1]);
  });

  it('is relabelled by a transposition', () => {
    // [n, hw, heads, d] that lies as [n, heads, d, hw] becomes [n, heads, hw, d].
    expect(transposedOrder([0, 2, 3, 1], [0, 2, 1, 3])).toEqual([0, 1, 3, 2]);
  });

  it('splits and joins axes that lie together, an open batch beside them', () => {
    expect(reshapedOrder([-1, 4, 6, 48], [-1, 24, 2, 24], CHANNELS_FIRST)).toEqual([0, 2, 3, 1]);
    expect(reshapedOrder([-1, 24, 2, 24], [-1, 4, 6, 48], [0, 2, 3, 1])).toEqual([0, 3, 1, 2]);
    expect(reshapedOrder([2, 3, 4], [6, 4], [0, 1, 2])).toEqual([0, 1]);
  });

  it('gives up where values would have to move', () => {
    expect(reshapedOrder([2, 4, 6, 3], [2, 4, 18], CHANNELS_FIRST)).toBeUndefined();
    expect(reshapedOrder([-1, 4, 3], [12, -1], [0, 1, 2])).toBeUndefined();
    // Axes of length 1 between: 384 is split, but 1 belongs to its group.
    expect(reshapedOrder([-1, 1, 1, 384], [-1, 1, 16, 24], CHANNELS_FIRST)).toBeUndefined();
  });
});
