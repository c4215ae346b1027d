/**
 * Whether weight decay applies to a parameter. The rule of timm's `param_groups_weight_decay`: not to tensors of at most one
 * dimension and not to names ending in `.bias`.
 *
 * @param shape in any layout: only its rank counts
 */
export function decays(name: string, shape: readonly number[]): boolean {
  return shape.length > 1 && !name.endsWith('.bias');
}
