import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface PackageCopy {
  version: string;
  path: string;
}

const CORE = '@tensorflow/tfjs-core';

/**
 * Every copy of TF.js' core in the node_modules folders that programs started in `folders` see. Two copies register kernels twice and
 * do not know each other's tensors.
 */
export function tfjsCopies(folders: readonly string[]): PackageCopy[] {
  const copies = new Map<string, PackageCopy>();
  const seen = new Set<string>();
  for (const start of folders)
    for (let folder = start; ; folder = dirname(folder)) {
      visit(join(folder, 'node_modules'), copies, seen);
      if (dirname(folder) === folder) break;
    }
  return [...copies.values()];
}

function visit(modules: string, copies: Map<string, PackageCopy>, seen: Set<string>): void {
  if (seen.has(modules) || !existsSync(modules)) return;
  seen.add(modules);
  for (const name of packagesIn(modules)) {
    const folder = join(modules, name);
    const manifest = join(folder, 'package.json');
    if (name === CORE && existsSync(manifest)) {
      const path = realpathSync(folder);
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
      copies.set(path, { version, path });
    }
    visit(join(folder, 'node_modules'), copies, seen);
  }
}

function packagesIn(modules: string): string[] {
  return readdirSync(modules).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
}
