import util from 'node:util';

interface LegacyUtil {
  isNullOrUndefined(value: unknown): boolean;
  isArray(value: unknown): boolean;
}

/**
 * Gives `util` back what tfjs-node 4.22 calls and Node.js 23 removed. Also replaces the deprecated functions of Node.js 22, which
 * would print a warning at their first call. To be called before tfjs-node is loaded.
 */
export function restoreRemovedUtils(): void {
  const legacy = util as unknown as LegacyUtil;
  legacy.isNullOrUndefined = (value) => value === null || value === undefined;
  legacy.isArray = Array.isArray;
}
