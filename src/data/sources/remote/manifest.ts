import { z } from 'zod';
import { UserError } from '../../../errors.js';
import { manifestOf } from '../broken-shard.js';
import { INDEX_SUFFIX, sha256Of } from '../tar-index-file.js';
import type { RemoteFile } from './remote-file.js';

/** The part of the manifest that `recnext shards` writes which says what the bytes must be. */
const schema = z.object({
  shards: z.array(
    z.object({
      file: z.string(),
      bytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      index: z.string().optional(),
    }),
  ),
});

/**
 * Shards with the checksums of the manifest beside them, if there is one.
 * @throws UserError for a shard of another size than the manifest says, or a manifest that is none
 */
export async function withManifest(files: readonly RemoteFile[]): Promise<readonly RemoteFile[]> {
  const manifest = files[0] && manifestOf(files[0].name);
  const text = manifest === undefined ? undefined : await files[0]!.beside(manifest);
  if (text === undefined) return files;
  const shards = new Map(
    parse(text, `${manifest} beside ${files[0]!.name}`).map((shard) => [shard.file, shard]),
  );
  return files.map((file) => {
    const said = shards.get(file.name.slice(file.name.lastIndexOf('/') + 1));
    if (said === undefined) return file;
    if (said.bytes !== file.remote.size)
      throw new UserError(
        `${file.name} has ${file.remote.size} bytes, its manifest says ${said.bytes}: upload it again.`,
      );
    return {
      ...file,
      remote: { ...file.remote, checksum: { kind: 'sha256' as const, hex: said.sha256 } },
      checksum: undefined,
      published: () => publishedIndex(file, said),
    };
  });
}

/** The list of a shard's pictures, if it is the one that the manifest means. */
async function publishedIndex(
  file: RemoteFile,
  { file: base, index }: { file: string; index?: string },
): Promise<string | undefined> {
  const text = index === undefined ? undefined : await file.beside(base + INDEX_SUFFIX);
  return text !== undefined && sha256Of(text) === index ? text : undefined;
}

function parse(text: string, where: string): z.infer<typeof schema>['shards'] {
  try {
    return schema.parse(JSON.parse(text)).shards;
  } catch (error) {
    throw new UserError(`${where} is no manifest of shards: remove it, or pack the shards again.`, {
      cause: error,
    });
  }
}
