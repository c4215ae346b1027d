import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Path of a compiled script that a child process runs, `name` (`probe-child.js`) beside the calling module `from`
 * (`import.meta.url`). When that module runs from its TypeScript source (in tests), it is the last build's.
 */
export function compiledScript(name: string, from: string): string {
  const beside = fileURLToPath(new URL(name, from));
  if (!from.endsWith('.ts')) return beside;
  const built = beside.replace(/([\\/])src([\\/])(?!.*[\\/]src[\\/])/, '$1dist$1src$2');
  if (!existsSync(built)) throw new Error(`${built} is missing: run \`npm run build\` first`);
  return built;
}
