import { CheckpointError } from '../checkpoint-error.js';
import type { MemoryBudget } from './memory-budget.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Deepest nesting of the JSON files beside weights (config.json, index files, model.json). */
const MAX_DEPTH = 64;

/** Largest JSON file read at all: a model.json with its topology stays under a megabyte. */
export const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** Bytes of memory a value takes while it is parsed and its keys are compared, rounded up. */
const VALUE_COST = 320;

/** Counts values before parsing, so that a file of brackets cannot fill the memory. */
function countValues(bytes: Uint8Array, where: string, maxDepth: number): number {
  let depth = 0;
  let values = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i];
    if (inString) {
      if (c === BACKSLASH) i++;
      else if (c === QUOTE) inString = false;
      continue;
    }
    if (c === QUOTE) inString = true;
    else if (c === 0x2c) values++;
    else if (c === 0x7b || c === 0x5b) {
      values++;
      if (++depth > maxDepth)
        throw new CheckpointError('limit', where, `JSON nested deeper than ${maxDepth} levels`);
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return values;
}

/** Two equal keys in one object: parsers disagree on which one counts, so neither does. The text is valid JSON. */
function checkUniqueKeys(text: string, where: string): void {
  // undefined stands for an array, in which strings are never keys.
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{') open.push(new Set());
    else if (c === '[') open.push(undefined);
    else if (c === '}' || c === ']') open.pop();
    else if (c === '"') {
      const start = i;
      while (text[++i] !== '"') if (text[i] === '\\') i++;
      let after = i + 1;
      while (' \n\r\t'.includes(text[after] ?? 'x')) after++;
      if (text[after] !== ':') continue;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      const keys = open[open.length - 1];
      if (keys?.has(key))
        throw new CheckpointError('corrupt', where, `the key ${JSON.stringify(key)} appears twice`);
      keys?.add(key);
    }
  }
}

/** Parses JSON from a file that may be hostile: bounded depth and count, strict UTF-8, no duplicate keys. */
export function parseJson(
  bytes: Uint8Array,
  where: string,
  budget: MemoryBudget,
  maxDepth = MAX_DEPTH,
): unknown {
  const cost = VALUE_COST * countValues(bytes, where, maxDepth) + 2 * bytes.length;
  budget.take(cost, `parsing ${where}`);
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError('corrupt', where, `not valid JSON (${(cause as Error).message})`, { cause });
  }
  checkUniqueKeys(text, where);
  budget.release(cost);
  return value;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A count or dimension: a whole number from 0 that arithmetic keeps exact. */
export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
