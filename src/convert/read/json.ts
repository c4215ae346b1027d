import { CheckpointError } from '../checkpoint-error.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export interface JsonLimits {
  /** Deepest nesting allowed. */
  depth: number;
  /** Most commas and brackets allowed: each stands for a value that will take memory. */
  values: number;
}

/** Limits for the JSON files beside weights (config.json, index files, model.json). */
export const JSON_LIMITS: JsonLimits = { depth: 64, values: 500_000 };

/** Largest JSON file read at all: a model.json with its topology stays under a megabyte. */
export const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** Counts structure before parsing, so that a file of brackets cannot fill the memory. */
function checkStructure(bytes: Uint8Array, where: string, limits: JsonLimits): void {
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
      if (++depth > limits.depth)
        throw new CheckpointError('limit', where, `JSON nested deeper than ${limits.depth} levels`);
    } else if (c === 0x7d || c === 0x5d) depth--;
    if (values > limits.values)
      throw new CheckpointError('limit', where, `JSON with more than ${limits.values} values`);
  }
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
export function parseJson(bytes: Uint8Array, where: string, limits: JsonLimits = JSON_LIMITS): unknown {
  checkStructure(bytes, where, limits);
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError('corrupt', where, `not valid JSON (${(cause as Error).message})`, { cause });
  }
  checkUniqueKeys(text, where);
  return value;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A count or dimension: a whole number from 0 that arithmetic keeps exact. */
export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
