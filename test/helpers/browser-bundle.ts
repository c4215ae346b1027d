import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect } from 'vitest';

interface Chunk {
  type: string;
  imports?: string[];
  dynamicImports?: string[];
  code?: string;
}

/** Bundles a TypeScript file for a browser and holds that no module of Node reaches it; gives the code. */
export async function expectBrowserBundle(entry: string): Promise<string> {
  const missing: string[] = [];
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'no-node',
        enforce: 'pre',
        resolveId(id) {
          if (id.startsWith('node:')) missing.push(id);
          return null;
        },
      },
    ],
    build: {
      write: false,
      minify: false,
      lib: { entry: fileURLToPath(new URL(`../../${entry}`, import.meta.url)), formats: ['es'] },
    },
  });
  expect(missing, entry).toEqual([]);
  const outputs = (Array.isArray(result) ? result : [result]) as { output: Chunk[] }[];
  const chunks = outputs.flatMap(({ output }) => output).filter(({ type }) => type === 'chunk');
  expect(chunks.length).toBeGreaterThan(0);
  for (const { imports = [], dynamicImports = [], code = '' } of chunks) {
    const foreign = [...imports, ...dynamicImports].filter((id) =>
      /^(node:|fs|path|os|crypto|zlib)/.test(id),
    );
    expect(foreign).toEqual([]);
    expect(code).not.toContain('__vite-browser-external');
  }
  return chunks.map(({ code = '' }) => code).join('\n');
}
