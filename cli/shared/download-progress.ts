import type { FetchOptions } from '../../src/runtime/fetch/fetch-options.js';
import type { Output } from './output.js';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Shows what is fetched: lines, and how far a file is. */
export function showDownloads(output: Output): Pick<FetchOptions, 'notice' | 'startProgress'> {
  return {
    notice: (line) => output.info(line),
    startProgress: (file, bytes) => output.progress(file, bytes, megabytes),
  };
}
