import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, UserError } from '../../errors.js';
import { readError } from './io-error.js';

/** More than this many names from one pattern is a slip of the keyboard. */
const MAX_NAMES = 1_000_000;

const GLOB = /[*?[]/;

/** Whether `spec` stands for several files. */
export function isPattern(spec: string): boolean {
  return GLOB.test(spec) || /\{[^{}]*(,|\.\.)[^{}]*\}/.test(spec);
}

/**
 * Files that a pattern stands for: braces first (`{000000..000127}`, `{a,b}`), then `*`, `?` and `[abc]` within one part of the path.
 * Files named by braces must all exist; those found by a glob are sorted by name.
 *
 * @throws UserError when nothing matches, or a file named by braces is missing.
 */
export async function expandPattern(pattern: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of expandBraces(toSlashes(pattern))) {
    if (GLOB.test(name)) files.push(...(await glob(name)));
    else if (await exists(name)) files.push(name);
    else throw new UserError(`${pattern}: ${name} does not exist, but the pattern names it.`);
  }
  if (files.length === 0) throw new UserError(`${pattern}: no file matches this pattern.`);
  return files;
}

/** Every text that the braces of `pattern` stand for, in order, as a shell would give them. Numbers keep their leading zeros. */
export function expandBraces(pattern: string): string[] {
  const match = /\{([^{}]*)\}/.exec(pattern);
  if (match === null) return [pattern];
  const head = pattern.slice(0, match.index);
  const tails = expandBraces(pattern.slice(match.index + match[0].length));
  const choices = alternatives(match[1]!, pattern);
  if (choices.length * tails.length > MAX_NAMES)
    throw new UsageError(`${pattern} stands for more than ${MAX_NAMES} names: check its numbers.`);
  return choices.flatMap((choice) => tails.map((tail) => head + choice + tail));
}

function alternatives(inside: string, pattern: string): string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(inside);
  if (range === null) return inside.includes(',') ? inside.split(',') : [`{${inside}}`];
  const [, first, last] = range as unknown as [string, string, string];
  const count = Number(last) - Number(first) + 1;
  if (count < 1) throw new UsageError(`${pattern}: {${inside}} counts down; write the smaller number first.`);
  if (count > MAX_NAMES)
    throw new UsageError(`${pattern} stands for more than ${MAX_NAMES} names: check its numbers.`);
  const digits = first.startsWith('0') || last.startsWith('0') ? Math.max(first.length, last.length) : 0;
  return Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(digits, '0'));
}

async function glob(pattern: string): Promise<string[]> {
  const root = path.parse(pattern).root;
  let found = [root === '' ? '.' : root];
  for (const part of pattern
    .slice(root.length)
    .split('/')
    .filter((text) => text !== '')) {
    if (GLOB.test(part)) {
      const test = partPattern(part);
      const next = await Promise.all(
        found.map(async (folder) =>
          (await list(folder)).filter((name) => test.test(name)).map((name) => path.join(folder, name)),
        ),
      );
      found = next.flat();
    } else found = found.map((folder) => path.join(folder, part));
  }
  const present = await Promise.all(found.map(exists));
  return found.filter((_, i) => present[i]).sort();
}

/** One part of a path as a regular expression; hidden files match only when the part itself begins with a dot. */
function partPattern(part: string): RegExp {
  const body = part.replace(/\[[^\]]+\]|[*?]|[.+^${}()|[\]\\]/g, (token) => {
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.length > 2) return `[${token.slice(1, -1).replace(/^!/, '^').replace(/\\/g, '\\\\')}]`;
    return `\\${token}`;
  });
  return new RegExp(`^${part.startsWith('.') ? '' : '(?!\\.)'}${body}$`);
}

/** A pattern without braces for whole paths as one regular expression, its signs within their parts. */
export function pathPattern(pattern: string): RegExp {
  const parts = pattern.split('/').map((part) => partPattern(part).source.slice(1, -1));
  return new RegExp(`^${parts.join('/')}$`);
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw readError(folder, error);
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** On Windows a pattern may have backslashes between its parts; elsewhere they are characters of a name. */
function toSlashes(text: string): string {
  return path.sep === '\\' ? text.replaceAll('\\', '/') : text;
}
