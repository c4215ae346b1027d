import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportFiles, type ExportOptions } from '../../src/convert/export-model.js';
import type { HostModel } from '../../src/convert/layers-model.js';
import type { Images } from '../../src/convert/run-export.js';
import type { GraphTarget } from '../../src/convert/targets.js';
import type { RecNextOptions } from '../../src/models/index.js';
import { resolveRecNext } from '../../src/models/recnext-config.js';
import { syntheticRecNext } from './models.js';
import { syntheticInput } from './synthetic.js';

/** A model with the deterministic weights of the reference numbers, on the host. */
export function hostRecNext(name: string, options: RecNextOptions = {}): HostModel {
  const model = syntheticRecNext(name, options);
  try {
    return { config: resolveRecNext(name, options), spec: model.spec, state: model.stateDict() };
  } finally {
    model.dispose();
  }
}

/** Writes an exported model into a folder. */
export async function writeExport(
  folder: string,
  model: HostModel,
  to: GraphTarget,
  options: ExportOptions = {},
): Promise<void> {
  for await (const { name, data, release } of exportFiles(model, to, options)) {
    await writeFile(join(folder, name), data);
    release?.();
  }
}

/** Deterministic images. */
export function someImages(batch: number, height: number, width: number): Images {
  const shape = [batch, height, width, 3] as const;
  return { data: syntheticInput('export', shape), shape };
}
