import { access, constants, readFile } from 'node:fs/promises';
import path from 'node:path';
import { guarded } from './class-folders.js';
import type { RemoteOptions } from './source-context.js';

/** Where the pictures of a list lie, by the paths in the list. */
export interface PictureStore {
  /** What paths are relative to, for messages. */
  readonly root: string;
  /** What a picture is called in messages: its path, or its address. */
  name(path: string): string;
  /** @throws UserError when it is not there or cannot be read */
  read(path: string): Promise<Uint8Array>;
  /** @throws UserError when it is not there: without its bytes, where that can be found out */
  check(path: string): Promise<void>;
}

/** Whether a path is an address: such pictures come over the network. */
export function isAddress(path: string): boolean {
  return /^(https?|s3|hf):\/\//i.test(path);
}

/** Pictures on this machine. */
export function localPictures(root: string): PictureStore {
  const file = (name: string): string => path.resolve(root, name);
  return {
    root,
    name: file,
    read: (name) => guarded(file(name), () => readFile(file(name))),
    check: (name) => guarded(file(name), () => access(file(name), constants.R_OK)),
  };
}

/** Pictures on this machine, and those with an address on servers. */
export async function picturesOfList(
  root: string,
  paths: Iterable<string>,
  remote: RemoteOptions,
): Promise<PictureStore> {
  const local = localPictures(root);
  let hasAddress = false;
  for (const one of paths) if ((hasAddress = isAddress(one))) break;
  if (!hasAddress) return local;
  const { remotePictures } = await import('./remote/remote-pictures.js');
  const elsewhere = remotePictures(undefined, remote);
  const storeOf = (name: string): PictureStore => (isAddress(name) ? elsewhere : local);
  return {
    root,
    name: (name) => storeOf(name).name(name),
    read: (name) => storeOf(name).read(name),
    check: (name) => storeOf(name).check(name),
  };
}
