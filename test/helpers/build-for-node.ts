import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Bundles a TypeScript file for a process of its own: for tests that kill it.
 *
 * @param entry path from the root of the project
 * @returns folder to remove afterwards (inside the project, so that the bundle finds its packages) and the script in it
 */
export async function buildForNode(entry: string): Promise<{ folder: string; script: string }> {
  const folder = await mkdtemp(join(ROOT, 'node_modules/.recnext-test-'));
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: entry,
      outDir: folder,
      target: 'node20',
      // package.json names the modules with side effects as they are published, in dist.
      rollupOptions: {
        treeshake: false,
        output: { entryFileNames: 'main.mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  });
  return { folder, script: join(folder, 'main.mjs') };
}
