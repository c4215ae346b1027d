import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { StateDict } from '../../models/state-dict.js';

const LENGTH = 16;

/** Of weights by name: the same whatever file they came from. */
export function weightsFingerprint(state: StateDict): string {
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of state)
    hash
      .update(`${name}[${shape.join(',')}]\n`)
      .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex').slice(0, LENGTH);
}

/** Of the names and contents of files, wherever they lie. */
export async function filesFingerprint(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of [...paths].sort()) {
    hash.update(`${basename(path)}\n`);
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  }
  return hash.digest('hex').slice(0, LENGTH);
}
