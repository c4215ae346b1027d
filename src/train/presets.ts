import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { ownPackageFolder } from '../runtime/setup/node-package.js';
import { didYouMean } from '../suggest.js';
import { readConfigFile, type ConfigLayer } from './load-config.js';
import { PRESETS } from './preset-names.js';

/** The options of a preset. Throws UsageError on an unknown name. */
export async function readPreset(name: string): Promise<ConfigLayer> {
  if (!Object.hasOwn(PRESETS, name))
    throw new UsageError(
      `There is no preset "${name}".${didYouMean(name, Object.keys(PRESETS))} Presets: ${Object.keys(PRESETS).join(', ')}.`,
    );
  const layer = await readConfigFile(join(ownPackageFolder(), 'presets', `${name}.yaml`));
  return { ...layer, nameOf: (key) => `preset ${name}: ${key}` };
}
