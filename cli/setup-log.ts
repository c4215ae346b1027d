import type { SetupLog } from '../src/runtime/setup/log.js';
import type { Output } from './shared/output.js';

/** Where there is no terminal, progress becomes a line at most this often. */
const PLAIN_INTERVAL_MS = 5000;

/** Steps as lines on stderr; progress in place on a terminal, as a line now and then elsewhere. */
export function setupLog(output: Output): SetupLog & { clear(): void } {
  const inPlace = process.stderr.isTTY && !output.quiet;
  let lastLine = performance.now();
  const clear = (): void => {
    if (inPlace) process.stderr.write('\r\x1b[K');
  };
  return {
    clear,
    step(line) {
      clear();
      output.info(line);
      lastLine = performance.now();
    },
    progress(line) {
      if (inPlace) {
        process.stderr.write(`\r\x1b[K  ${line}`.slice(0, process.stderr.columns + 4));
      } else if (performance.now() - lastLine >= PLAIN_INTERVAL_MS) {
        output.info(`  ${line}`);
        lastLine = performance.now();
      }
    },
  };
}
