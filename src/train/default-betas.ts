/** Moments' decays where `--opt-betas` says nothing: PyTorch's and timm's defaults. */
export const DEFAULT_BETAS = {
  adamw: [0.9, 0.999],
  lamb: [0.9, 0.999],
  lion: [0.9, 0.99],
  sgd: undefined,
} satisfies Record<string, [number, number] | undefined>;
