import { readFile } from 'node:fs/promises';
import { parse, stringify, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { UsageError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { checkTogether } from './check-config.js';
import { optionName, runConfigSchema, type RunConfig, type RunConfigKey } from './config.js';

/** Options by their camel-case key, unchecked, and where they come from. */
export interface ConfigLayer {
  readonly values: Readonly<Record<string, unknown>>;
  /** How a message names one of its options: `--batch-size`, or `run.yaml: batch-size`. */
  readonly nameOf: (key: string) => string;
}

const KEY_OF = new Map(Object.keys(runConfigSchema.shape).map((key) => [optionName(key), key]));

/**
 * Reads options from a YAML file: one mapping of option names (`batch-size`, or `batch_size` as timm writes it).
 * Throws UsageError on unreadable files, on YAML that is not a mapping and on unknown names.
 */
export async function readConfigFile(path: string): Promise<ConfigLayer> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`Cannot read the configuration ${path}: ${(error as Error).message}.`, {
      cause: error,
    });
  });
  return { values: parseConfig(text, path), nameOf: (key) => `${path}: ${optionName(key)}` };
}

function parseConfig(text: string, path: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const line = error.linePos?.[0].line;
    throw new UsageError(`${path}${line === undefined ? '' : `, line ${line}`}: not YAML (${error.code}).`, {
      cause: error,
    });
  }
  if (document === null) return {};
  if (typeof document !== 'object' || Array.isArray(document))
    throw new UsageError(
      `${path}: expected "option: value" lines, found ${Array.isArray(document) ? 'a list' : `"${String(document)}"`}.`,
    );
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(document)) {
    const known = name.replaceAll('_', '-');
    const key = KEY_OF.get(known);
    if (key === undefined)
      throw new UsageError(`${path}: unknown option "${name}".${didYouMean(known, [...KEY_OF.keys()])}`);
    // An empty value is an option left alone.
    if (value !== null) values[key] = value;
  }
  return values;
}

/** Options given on the command line; absent ones are undefined. */
export function flagLayer(values: Readonly<Record<string, unknown>>): ConfigLayer {
  return {
    values: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
    nameOf: (key) => `--${optionName(key)}`,
  };
}

/** Puts layers over each other, later ones win, and checks the whole. Throws UsageError naming the first wrong option. */
export function mergeConfig(...layers: readonly ConfigLayer[]): RunConfig {
  const values: Record<string, unknown> = Object.assign({}, ...layers.map((layer) => layer.values));
  const result = runConfigSchema.safeParse(values);
  if (result.success) return checkTogether(result.data);
  const issue = result.error.issues[0]!;
  const key = String(issue.path[0]);
  const origin = [...layers].reverse().find((layer) => key in layer.values);
  if (origin === undefined)
    throw new UsageError(`Option --${optionName(key)} is needed: ${descriptionOf(key)}.`);
  throw new UsageError(
    `${origin.nameOf(key)}: ${describeIssue(issue)}, found ${JSON.stringify(values[key])}.`,
  );
}

function descriptionOf(key: string): string {
  return (runConfigSchema.shape[key as keyof RunConfig] as z.ZodType).meta()?.description ?? key;
}

/** Zod's sentence as part of ours: `Too small: expected number to be >=1` → `expected number to be >=1`. */
function describeIssue(issue: z.core.$ZodIssue): string {
  const text = issue.message.replace(/^[^:]*: /, '').replace(/, received .*$/, '');
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * The text of config.yaml: every option by its name, in the order of the schema.
 *
 * @param machine a line on what computes the run, a comment at the top
 */
export function formatConfig(config: RunConfig, machine?: string): string {
  const entries = Object.keys(runConfigSchema.shape).map((key) => [
    optionName(key),
    config[key as keyof RunConfig],
  ]);
  const text = stringify(Object.fromEntries(entries.filter(([, value]) => value !== undefined)));
  return machine === undefined ? text : `# ${machine}\n${text}`;
}

/** The whole configuration for people: a line for each group of options, options without a value left out. */
export function describeConfig(config: RunConfig): string[] {
  const groups = new Map<string, string[]>();
  for (const [key, schema] of Object.entries(runConfigSchema.shape)) {
    const value = config[key as RunConfigKey];
    if (value === undefined) continue;
    const { group = '' } = schema.meta() ?? {};
    groups.set(group, [...(groups.get(group) ?? []), `${optionName(key)} ${[value].flat().join(' ')}`]);
  }
  return [...groups].map(([group, options]) => `${group}: ${options.join(', ')}`);
}
