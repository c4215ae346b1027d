import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Dataset } from '../../../src/data/dataset.js';

export async function writeFiles(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.join(root, path.dirname(name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  }
}

/** `name:label:content` of every sample, names relative to the root. */
export async function contents(dataset: Dataset, root: string): Promise<string[]> {
  return Promise.all(
    Array.from({ length: dataset.length }, async (_, i) => {
      const name = path.relative(root, dataset.name(i)).replaceAll('\\', '/');
      return `${name}:${dataset.label(i)}:${Buffer.from(await dataset.read(i)).toString()}`;
    }),
  );
}
