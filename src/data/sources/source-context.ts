import type { FetchOptions } from '../../runtime/fetch/fetch-options.js';
import type { Split } from '../dataset.js';
import type { BrokenShard } from './broken-shard.js';
import type { IndexCache } from './index-cache.js';

/** How what lies on servers is fetched, and where it goes. */
export interface RemoteOptions extends FetchOptions {
  /** Folder for what is fetched. */
  readonly cacheDir: string;
  /** Bytes that shards may take there, and as many again pictures that are fetched one by one. */
  readonly cacheLimit: number;
}

/** What a source knows of how it is opened. */
export interface SourceContext {
  /** What the user wrote, for messages. */
  readonly source: string;
  /** Which split was asked for, if there are several. */
  readonly wanted: Split | undefined;
  /** Which split is taken; undefined where the source is not divided. */
  readonly split: Split | undefined;
  /** Classes of the model, where there is one. */
  readonly numClasses: number | undefined;
  /** Told what a user may not expect, a line each. */
  readonly notice: (line: string) => void;
  readonly index: IndexCache;
  /** For what turns out to lie on servers. */
  readonly remote: RemoteOptions;
  /** What happens to a shard that stays broken after being fetched again: the set goes on without it, or is refused. */
  readonly onBroken: 'skip' | 'fail';
  /** With `skip`, told of each shard that is left out. */
  readonly onBrokenShard: (shard: BrokenShard) => void;
}
