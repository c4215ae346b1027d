import type { Client } from '../../../runtime/fetch/http.js';
import type { Remote } from '../../../runtime/fetch/transfer.js';

/** A file on a server: on the web, on the hub, in a bucket. */
export interface RemoteFile {
  /** Its address as the user would write it, for messages. */
  readonly name: string;
  readonly remote: Remote & { readonly size: number };
  /** Another one when the bytes may be others. */
  readonly version: string;
  readonly client: Client;
  /** The list of what is in it, where there is one that belongs to these bytes. */
  published?(): Promise<string | undefined>;
  /** What its bytes must hash to, where that must be asked for. */
  checksum?(): Promise<Remote['checksum']>;
  /** A small file beside it; undefined where there is none. */
  beside(name: string): Promise<string | undefined>;
}

/** Larger texts beside shards are no lists. */
export const MAX_TEXT = 2 ** 26;
