import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tar from 'tar-stream';
import { afterEach } from 'vitest';

/** A folder that is removed after the test. */
export function temporaryFolders(): () => Promise<string> {
  const made: string[] = [];
  afterEach(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'recnext-data-'));
    made.push(folder);
    return folder;
  };
}

/** The bytes of a tar with these files in it. */
export async function tarBytes(
  files: Readonly<Record<string, string | Uint8Array>> | [string, string | Uint8Array][],
): Promise<Buffer> {
  const archive = tar.pack();
  for (const [name, content] of Array.isArray(files) ? files : Object.entries(files))
    archive.entry({ name, mtime: new Date(0) }, Buffer.from(content));
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export async function writeTar(
  folder: string,
  name: string,
  files: Parameters<typeof tarBytes>[0],
): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, await tarBytes(files));
  return file;
}
