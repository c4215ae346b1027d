import type { Split } from '../dataset.js';
import type { BrokenShard } from './broken-shard.js';
import type { IndexCache } from './index-cache.js';

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
  /** What happens to a shard that stays broken after being fetched again: the set goes on without it, or is refused. */
  readonly onBroken: 'skip' | 'fail';
  /** With `skip`, told of each shard that is left out. */
  readonly onBrokenShard: (shard: BrokenShard) => void;
}
