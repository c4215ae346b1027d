// Work on 8-bit RGB pictures in WebAssembly SIMD. This is AssemblyScript, not TypeScript: compiled by scripts/build-simd.mjs into ../module.ts. Each function
// equals its TypeScript counterpart bit for bit. Loads and stores may reach up to 16 bytes beyond the pictures: the caller leaves room.

export { affineBicubic, affineBilinear } from './affine';
export { blurColumns, blurRows } from './blur';
export { saturate, lumaSum, sharpen } from './enhance';
export { histogram, lookup } from './lookup';
export { boxMuller, philox } from './normals';
export { mirror, normalise } from './output';
export { horizontal, vertical } from './resample';
