// `npm run -s recnext -- …`: the program from a checkout. Says what to do where it was not built yet.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write(
    'error: this checkout is not built yet: run `npm start` or `npm test` first, or `npm ci && npm run build`\n',
  );
  process.exitCode = 1;
}
