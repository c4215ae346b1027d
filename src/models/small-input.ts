import { CostReport } from '../layers/spec/module-spec.js';
import type { SpecModel } from './spec-model.js';

/**
 * What to tell about an input smaller than a model's total stride, or undefined: everything is still computed, as the
 * reference does (padding keeps every map at one pixel or more), but the last stages see single pixels.
 */
export function smallInputNotice({ name, spec, dataConfig }: SpecModel): string | undefined {
  const [channels, height, width] = dataConfig.inputSize;
  const report = new CostReport();
  spec.cost({ height, width, channels, stride: 1, field: 1 }, report);
  const paths = spec.children.map(([path]) => path).slice(0, -1);
  const stride = report.features.get(paths.at(-1)!)!.stride;
  if (Math.min(height, width) >= stride) return undefined;
  const first = paths.find((path) => {
    const map = report.features.get(path)!;
    return Math.min(map.height, map.width) === 1;
  });
  return `input ${height}x${width} is smaller than the stride of ${name} (${stride}): from ${first} on its maps are one pixel; --input-size ${stride} or more is what it is made for`;
}
