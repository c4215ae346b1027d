import { countParameters, joinPath, type Feature, type ModuleSpec } from '../layers/spec/module-spec.js';
import type { RecNextOptions } from './recnext-config.js';
import { describeModel, modelCosts } from './summary.js';

export interface LayerRow {
  /** Checkpoint name: `stages.0.blocks.1`. */
  readonly path: string;
  readonly type: string;
  /** Feature map it gives: [height, width, channels]. */
  readonly shape: readonly [number, number, number];
  readonly params: number;
  readonly macs: number;
  /** Share of the model's operations, 0 to 1. */
  readonly share: number;
  /** Input pixels between neighbouring positions. */
  readonly stride: number;
  /** Side in input pixels of what one position depends on; null: the whole image. */
  readonly receptiveField: number | null;
}

/** One row for the stem, each downsampling, each block and the head, of the model fused in the reference's form. */
export function breakdown(name: string, options: RecNextOptions = {}): LayerRow[] {
  const { config, fused } = describeModel(name, options);
  const { entries, features } = modelCosts(fused, config);
  const total = entries.reduce((sum, { macs }) => sum + macs, 0);
  return rows(fused, '').map(([path, spec]) => {
    const macs = entries
      .filter((entry) => entry.path === path || entry.path.startsWith(`${path}.`))
      .reduce((sum, entry) => sum + entry.macs, 0);
    const { height, width, channels, stride, field } = features.get(path) as Feature;
    return {
      path,
      type: spec.type.replace('RecNext', ''),
      shape: [height, width, channels],
      params: countParameters(spec),
      macs,
      share: macs / total,
      stride,
      receptiveField: Number.isFinite(field) ? field : null,
    };
  });
}

/** The model's children; a stage stands for its own. */
function rows(spec: ModuleSpec, path: string): [string, ModuleSpec][] {
  return spec.children.flatMap(([name, child]): [string, ModuleSpec][] => {
    const childPath = joinPath(path, name);
    return child.type.endsWith('Stage') ? rows(child, childPath) : [[childPath, child]];
  });
}
