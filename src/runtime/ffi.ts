import type Koffi from 'koffi';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** TensorFlow's own threads have 8 MB, and its graph passes recurse. The memory is taken only as far as it is touched. */
const STACK_BYTES = 8 << 20;

let loaded: typeof Koffi | undefined;

/**
 * koffi, which calls functions of native libraries. Everybody takes it from here: its stacks can be set only before the first
 * library is loaded. Throws where koffi has no build for this platform.
 */
export function ffi(): typeof Koffi {
  if (loaded === undefined) {
    const koffi = require('koffi') as typeof Koffi;
    koffi.config({ sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });
    loaded = koffi;
  }
  return loaded;
}
