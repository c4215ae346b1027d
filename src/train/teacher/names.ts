/** How the axes of a batch of images lie: `[n, h, w, c]` or `[n, c, h, w]`. */
export const LAYOUTS = ['nhwc', 'nchw'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Ways of normalising images that go by a name. */
export const NORMALISATIONS = ['imagenet', 'inception', '0-1', '0-255', 'none'] as const;
export type NormalisationName = (typeof NORMALISATIONS)[number];
