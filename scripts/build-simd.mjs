// Compiles src/data/simd/assembly (AssemblyScript) and writes the module as base64 into src/data/simd/module.ts, which is kept in the
// repository: so tests, the built package and bundlers need no step of their own. With --check it compares instead (a test does).
import asc from 'assemblyscript/asc';
import { Buffer } from 'node:buffer';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);
const source = 'src/data/simd/assembly/index.ts';

/** The compiled module, base64. */
async function compile() {
  let binary;
  const options = ['-O3', '--enable', 'simd', '--runtime', 'stub', '--noAssert', '--importMemory'];
  const { error, stderr } = await asc.main([source, '--outFile', 'out.wasm', ...options], {
    baseDir: fileURLToPath(root),
    writeFile: (name, contents) => {
      if (name === 'out.wasm') binary = contents;
    },
  });
  if (error) throw new Error(`${source} does not compile: ${stderr.toString()}`);
  return Buffer.from(binary).toString('base64');
}

const target = new URL('src/data/simd/module.ts', root);
const text = `/** The compiled module of assembly/, base64. Written by scripts/build-simd.mjs. */
export const SIMD_MODULE =
  '${await compile()}';
`;
if (!process.argv.includes('--check')) await writeFile(target, text);
else if ((await readFile(target, 'utf8')) !== text) {
  console.error(
    `${fileURLToPath(target)} is not what its source compiles to: run node scripts/build-simd.mjs`,
  );
  process.exitCode = 1;
}
