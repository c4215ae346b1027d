import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { describe, expect, it } from 'vitest';

interface Chunk {
  type: string;
  imports?: string[];
  dynamicImports?: string[];
  code?: string;
}

describe('in a browser', () => {
  it('the readers and encoders bundle without any module of Node', async () => {
    for (const entry of ['checkpoint', 'write/safetensors', 'write/torch']) {
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
          lib: {
            entry: fileURLToPath(new URL(`../../src/convert/${entry}.ts`, import.meta.url)),
            formats: ['es'],
          },
        },
      });
      expect(missing, entry).toEqual([]);
      const outputs = (Array.isArray(result) ? result : [result]) as { output: Chunk[] }[];
      const chunks = outputs.flatMap(({ output }) => output).filter(({ type }) => type === 'chunk');
      expect(chunks.length).toBeGreaterThan(0);
      for (const { imports = [], dynamicImports = [], code = '' } of chunks) {
        expect(
          [...imports, ...dynamicImports].filter((id) => /^(node:|fs|path|os|crypto|zlib)/.test(id)),
        ).toEqual([]);
        expect(code).not.toContain('__vite-browser-external');
      }
    }
  });
});
