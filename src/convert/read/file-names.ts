import { CheckpointError } from '../checkpoint-error.js';
import type { ByteSource, SourceFolder } from '../source/byte-source.js';
import { MAX_JSON_BYTES, parseJson } from './json.js';
import { MemoryBudget } from './memory-budget.js';

/** Files of a set must lie beside the file that lists them: plain names only. */
export function checkFileName(file: unknown, where: string): string {
  if (typeof file !== 'string' || file === '')
    throw new CheckpointError('corrupt', where, 'lists a file without a name');
  if (file.length > 255 || /[/\\:\0]/.test(file) || file === '.' || file === '..')
    throw new CheckpointError(
      'unsafe-name',
      where,
      `lists the file ${JSON.stringify(file)}, which is no plain name of a file beside it`,
    );
  return file;
}

/** Opens every listed file, or says how many are missing and which. */
export async function openAll(
  folder: SourceFolder,
  files: readonly string[],
  where: string,
): Promise<Map<string, ByteSource>> {
  const present = new Set(await folder.list());
  const missing = files.filter((file) => !present.has(file));
  if (missing.length > 0) {
    const names = missing.slice(0, 4).join(', ') + (missing.length > 4 ? ', …' : '');
    throw new CheckpointError(
      'missing',
      where,
      `${missing.length} of its ${files.length} weight files are not beside it: ${names}. Download them too.`,
    );
  }
  const sources = new Map<string, ByteSource>();
  for (const file of files) sources.set(file, await folder.open(file));
  return sources;
}

export async function readJsonFile(source: ByteSource): Promise<unknown> {
  if (source.size > MAX_JSON_BYTES)
    throw new CheckpointError(
      'limit',
      source.name,
      `a JSON file of ${source.size} bytes; at most ${MAX_JSON_BYTES} are read`,
    );
  return parseJson(
    await source.read(0, source.size),
    source.name,
    new MemoryBudget(source.name, source.size),
  );
}
