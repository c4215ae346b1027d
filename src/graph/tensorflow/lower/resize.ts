import type { NodeBuilder } from '../node-builder.js';
import { FLOAT, type NodeAttr } from '../node-def.js';
import type { LowerTable } from './lowering.js';

function rule(halfPixelCenters: boolean): Record<string, NodeAttr> {
  return { T: FLOAT, align_corners: { bool: false }, half_pixel_centers: { bool: halfPixelCenters } };
}

/** Our own operation, which adds as well. */
function native(
  to: NodeBuilder,
  [height, width]: readonly [number, number],
  x: string,
  addends: readonly string[],
  nearest: boolean,
): string {
  return to.add('RecnextResize', [x, ...addends], {
    N: { int: addends.length },
    height: { int: height },
    width: { int: width },
    nearest: { bool: nearest },
  });
}

function nativeGrad(to: NodeBuilder, inputShape: readonly number[], dy: string, nearest: boolean): string {
  const [, height, width] = inputShape as readonly [number, number, number, number];
  return to.add('RecnextResizeGrad', [dy], {
    height: { int: height },
    width: { int: width },
    nearest: { bool: nearest },
  });
}

export const resize: LowerTable<
  'ResizeBilinear' | 'ResizeBilinearGrad' | 'ResizeNearest' | 'ResizeNearestGrad'
> = {
  ResizeBilinear: (node, [x, ...addends], to, { nativeOps }) => [
    nativeOps
      ? native(to, node.attrs.size, x!, addends, false)
      : to.add('ResizeBilinear', [x!, to.ints(node.attrs.size)], rule(true)),
  ],
  ResizeBilinearGrad: (node, [dy], to, { nativeOps }) => {
    if (nativeOps) return [nativeGrad(to, node.attrs.inputShape, dy!, false)];
    // Only the shape of the original image is looked at: an uninitialised tensor serves.
    const original = to.add('Empty', [to.ints(node.attrs.inputShape)], {
      dtype: FLOAT,
      init: { bool: false },
    });
    return [to.add('ResizeBilinearGrad', [dy!, original], rule(true))];
  },
  ResizeNearest: (node, [x, ...addends], to, { nativeOps }) => [
    nativeOps
      ? native(to, node.attrs.size, x!, addends, true)
      : to.add('ResizeNearestNeighbor', [x!, to.ints(node.attrs.size)], rule(false)),
  ],
  ResizeNearestGrad: (node, [dy], to, { nativeOps }) => {
    if (nativeOps) return [nativeGrad(to, node.attrs.inputShape, dy!, true)];
    const [, height, width] = node.attrs.inputShape as readonly [number, number, number];
    return [to.add('ResizeNearestNeighborGrad', [dy!, to.ints([height, width])], rule(false))];
  },
};
