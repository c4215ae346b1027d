import { FLOAT, type NodeAttr } from '../node-def.js';
import type { LowerTable } from './lowering.js';

function rule(halfPixelCenters: boolean): Record<string, NodeAttr> {
  return { T: FLOAT, align_corners: { bool: false }, half_pixel_centers: { bool: halfPixelCenters } };
}

export const resize: LowerTable<
  'ResizeBilinear' | 'ResizeBilinearGrad' | 'ResizeNearest' | 'ResizeNearestGrad'
> = {
  ResizeBilinear: (node, [x], to) => [to.add('ResizeBilinear', [x!, to.ints(node.attrs.size)], rule(true))],
  ResizeBilinearGrad: (node, [dy], to) => {
    // Only the shape of the original image is looked at: an uninitialised tensor serves.
    const original = to.add('Empty', [to.ints(node.attrs.inputShape)], {
      dtype: FLOAT,
      init: { bool: false },
    });
    return [to.add('ResizeBilinearGrad', [dy!, original], rule(true))];
  },
  ResizeNearest: (node, [x], to) => [
    to.add('ResizeNearestNeighbor', [x!, to.ints(node.attrs.size)], rule(false)),
  ],
  ResizeNearestGrad: (node, [dy], to) => {
    const [, height, width] = node.attrs.inputShape as readonly [number, number, number];
    return [to.add('ResizeNearestNeighborGrad', [dy!, to.ints([height, width])], rule(false))];
  },
};
