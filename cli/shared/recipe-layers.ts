import { flagLayer, readConfigFile, type ConfigLayer } from '../../src/train/load-config.js';
import { readPreset } from '../../src/train/presets.js';
import type { RecipeOptions } from '../train.js';

/** What the options of a run are put together from; later layers win. */
export async function recipeLayers(
  { preset, config }: RecipeOptions,
  flags: Readonly<Record<string, unknown>>,
): Promise<ConfigLayer[]> {
  return [
    ...(preset === undefined ? [] : [await readPreset(preset)]),
    ...(config === undefined ? [] : [await readConfigFile(config)]),
    flagLayer(flags),
  ];
}
