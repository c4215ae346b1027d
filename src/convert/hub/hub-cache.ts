import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { copyFile, link, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomic } from '../../runtime/files.js';

export const COMMIT = /^[0-9a-f]{40}$/;

/**
 * A repository in the cache that the hub's clients share: `blobs/ETAG` hold the bytes, `snapshots/COMMIT/FILE` are links to
 * them, `refs/REVISION` say which commit a branch or tag was at.
 */
export class HubCache {
  private readonly folder: string;

  constructor(cache: string, repo: string) {
    this.folder = join(cache, `models--${repo.replaceAll('/', '--')}`);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** An ETag is a hash as a rule; what no file can be called is hashed. */
  blob(etag: string): string {
    const name = /^\w[\w.-]{0,127}$/.test(etag) ? etag : createHash('sha256').update(etag).digest('hex');
    return join(this.folder, 'blobs', name);
  }

  /** The commit that a revision was at when the hub was last asked; undefined if it never was. */
  commitOf(revision: string): string | undefined {
    if (COMMIT.test(revision)) return revision;
    const ref = join(this.folder, 'refs', revision);
    if (!existsSync(ref)) return undefined;
    const commit = readFileSync(ref, 'utf8').trim();
    return COMMIT.test(commit) ? commit : undefined;
  }

  async remember(revision: string, commit: string): Promise<void> {
    if (this.commitOf(revision) === commit) return;
    const ref = join(this.folder, 'refs', revision);
    await mkdir(dirname(ref), { recursive: true });
    await writeFileAtomic(ref, commit);
  }

  /** Names of the files of a snapshot that are here, folders as `folder/file`. */
  async files(commit: string): Promise<string[]> {
    const root = this.snapshot(commit);
    const names = await readdir(root, { recursive: true }).catch(() => []);
    return names
      .filter((name) => statSync(join(root, name), { throwIfNoEntry: false })?.isFile() === true)
      .map((name) => name.replaceAll('\\', '/'));
  }

  /** Gives a blob its name in a snapshot, in one step: another process may do the same at the same time. */
  async place(blob: string, commit: string, file: string): Promise<void> {
    const path = join(this.snapshot(commit), file);
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      // Windows lets few users make symbolic links, and some disks have neither kind.
      await symlink(relative(dirname(path), blob), temporary)
        .catch(() => link(blob, temporary))
        .catch(() => copyFile(blob, temporary));
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      if (!existsSync(path)) throw error;
    }
  }
}
