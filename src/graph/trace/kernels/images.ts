import type { TraceKernel } from './kernel.js';

interface Convolution {
  stride: 1 | 2;
  groups: number;
}

const resize =
  (op: 'ResizeBilinear' | 'ResizeNearest'): TraceKernel =>
  (call) => {
    const [batch, , , channels] = call.type('x').shape as [number, number, number, number];
    const size = call.attr<[number, number]>('size');
    return call.one(op, { size }, [call.ref('x')], [batch, ...size, channels]);
  };

const resizeGrad =
  (op: 'ResizeBilinearGrad' | 'ResizeNearestGrad'): TraceKernel =>
  (call) => {
    const inputShape = call.attr<number[]>('inputShape');
    return call.one(op, { inputShape }, [call.ref('dy')], inputShape);
  };

/** The kernels of `src/ops` that work on images. */
export const imageKernels: Readonly<Record<string, TraceKernel>> = {
  RecNextConv2d: (call) => {
    const [batch, height, width] = call.type('x').shape as [number, number, number];
    const attrs: Convolution = { stride: call.attr('stride'), groups: call.attr('groups') };
    const inputs = [call.ref('x'), call.ref('filter'), ...(call.has('bias') ? [call.ref('bias')] : [])];
    const out = (length: number): number => Math.ceil(length / attrs.stride);
    const channels = call.type('filter').shape[3]! * attrs.groups;
    return call.one('Conv2d', attrs, inputs, [batch, out(height), out(width), channels]);
  },
  RecNextConv2dBackpropInput: (call) => {
    const inputShape = call.attr<number[]>('inputShape');
    const attrs = { stride: call.attr<1 | 2>('stride'), groups: call.attr<number>('groups'), inputShape };
    return call.one('Conv2dInputGrad', attrs, [call.ref('dy'), call.ref('filter')], inputShape);
  },
  RecNextConv2dBackpropFilter: (call) => {
    const filterShape = call.attr<number[]>('filterShape');
    const attrs = { stride: call.attr<1 | 2>('stride'), groups: call.attr<number>('groups'), filterShape };
    return call.one('Conv2dFilterGrad', attrs, [call.ref('x'), call.ref('dy')], filterShape);
  },
  RecNextResizeBilinear: resize('ResizeBilinear'),
  RecNextResizeBilinearGrad: resizeGrad('ResizeBilinearGrad'),
  RecNextResizeNearest: resize('ResizeNearest'),
  RecNextResizeNearestGrad: resizeGrad('ResizeNearestGrad'),
};
