import { existsSync } from 'node:fs';
import { opLibraryPath, type OpLibrary } from '../setup/op-library.js';
import { findTensorFlowFiles } from './find-library.js';

/** Looks for the library that `recnext setup` builds when there is a compiler. Nothing needs it: it makes training faster. */
export async function opLibrary(): Promise<OpLibrary> {
  const files = await findTensorFlowFiles('cpu').catch(() => undefined);
  if (files === undefined) return { reason: 'there is no libtensorflow here: `recnext setup` brings it' };
  if (files.home === undefined)
    return {
      reason: 'it is built on the libtensorflow that `recnext setup` brings, and another one is in use',
    };
  const path = opLibraryPath(files.home);
  return existsSync(path)
    ? { path }
    : {
        reason:
          'it is not built for this processor and version: `recnext setup` builds it, with a C++ compiler',
      };
}
