import { readFile } from 'node:fs/promises';
import { parse, YAMLParseError } from 'yaml';
import { UserError } from '../../errors.js';
import { readClassNames } from '../../eval/class-names.js';
import { classKey, requireSameClasses } from '../../eval/classes.js';
import { didYouMean } from '../../suggest.js';

/** Classes of a side: their number, their names where they are known, and whose they are, for messages. */
export interface Classes {
  readonly count: number;
  readonly names: readonly string[] | undefined;
  readonly source: string;
}

/**
 * Which output of the teacher each class of the data is.
 *
 * @param file `--teacher-classes`: the names of the teacher's outputs, a line each, which are found by name; or, as YAML or JSON, a mapping of the data's
 *   classes (names or numbers) to outputs (names or numbers)
 * @returns undefined: output i is class i
 * @throws UserError where a class of the data has no output, or their numbers differ and nothing says which is which
 */
export async function classMap(
  teacher: Classes,
  data: Classes,
  file: string | undefined,
): Promise<Int32Array | undefined> {
  if (file === undefined) {
    requireEqual(teacher, data);
    return undefined;
  }
  const map = /\.(ya?ml|json)$/i.test(file)
    ? await fromMapping(file, teacher, data)
    : await fromNames(file, teacher, data);
  const isIdentity = teacher.count === data.count && map.every((output, label) => output === label);
  return isIdentity ? undefined : map;
}

function requireEqual(teacher: Classes, data: Classes): void {
  if (teacher.count !== data.count)
    throw new UserError(
      `${teacher.source} knows ${teacher.count} classes, ${data.source} has ${data.count}: ` +
        `distillation needs a teacher of the same classes. If it knows them among others, say with --teacher-classes which outputs they are.`,
    );
  requireSameClasses(teacher.names, teacher.source, data.names, data.source);
}

/** From a line for each output of the teacher. */
async function fromNames(file: string, teacher: Classes, data: Classes): Promise<Int32Array> {
  const names = await readClassNames(file);
  if (names.length !== teacher.count)
    throw new UserError(
      `${file}: ${names.length} class names, expected one for each of the ${teacher.count} outputs of ${teacher.source}.`,
    );
  const wanted = requireNames(data, file);
  const outputs = new Map(names.map((name, output) => [classKey(name), output]));
  if (outputs.size !== names.length) {
    const twice = names.find((name, i) => outputs.get(classKey(name)) !== i)!;
    throw new UserError(`${file}: the class "${twice}" stands there twice, expected every name once.`);
  }
  return Int32Array.from(wanted, (name) => {
    const output = outputs.get(classKey(name));
    if (output === undefined)
      throw new UserError(
        `${file}: the class "${name}" of ${data.source} is none of the teacher's.${didYouMean(name, names)}`,
      );
    return output;
  });
}

function requireNames(data: Classes, file: string): readonly string[] {
  if (data.names !== undefined) return data.names;
  throw new UserError(
    `${data.source} has no class names that ${file} could be compared with: give a mapping of its labels as YAML, as "0: 17".`,
  );
}

/** From a mapping of classes to outputs. */
async function fromMapping(file: string, teacher: Classes, data: Classes): Promise<Int32Array> {
  const entries = await readMapping(file);
  const known = new Map<string, number>();
  for (let label = 0; label < data.count; label++) known.set(String(label), label);
  data.names?.forEach((name, label) => known.set(classKey(name), label));
  const map = new Int32Array(data.count).fill(-1);
  for (const [key, value] of entries) {
    const label = known.get(classKey(key)) ?? known.get(key);
    if (label === undefined)
      throw new UserError(
        `${file}: "${key}" is no class of ${data.source}.${didYouMean(key, data.names ?? [])}`,
      );
    map[label] = outputOf(value, key, teacher, file);
  }
  const missing = map.indexOf(-1);
  if (missing >= 0)
    throw new UserError(
      `${file}: the class ${data.names === undefined ? missing : `"${data.names[missing]}"`} of ${data.source} is missing, expected an output of the teacher for each of its ${data.count} classes.`,
    );
  return map;
}

function outputOf(value: unknown, key: string, teacher: Classes, file: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < teacher.count)
    return value;
  const named =
    typeof value === 'string'
      ? (teacher.names ?? []).findIndex((name) => classKey(name) === classKey(value))
      : -1;
  if (named >= 0) return named;
  throw new UserError(
    `${file}: "${key}": expected an output of ${teacher.source}, 0 to ${teacher.count - 1}${teacher.names ? ', or its name' : ''}, found ${JSON.stringify(value)}.`,
  );
}

async function readMapping(file: string): Promise<[string, unknown][]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UserError(`${file}: cannot read the classes of the teacher (${(error as Error).message}).`, {
      cause: error,
    });
  });
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 10 });
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new UserError(`${file}: not YAML (${error.code}).`, { cause: error });
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new UserError(`${file}: expected "class: output" lines.`);
  return Object.entries(document);
}
