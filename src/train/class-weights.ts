import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { Dataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { didYouMean } from '../suggest.js';

/**
 * Weights of the classes in the loss.
 *
 * @param choice `balanced`: inversely by the number of images, so that every class counts as much as any other and the mean over all images is 1;
 *   else a YAML file: a list of numbers in the order of the classes, or `name: number` lines, where classes left out have weight 1
 */
export async function loadClassWeights(choice: string, data: Dataset): Promise<Float32Array> {
  return choice === 'balanced' ? balanced(data) : readWeights(choice, data);
}

function balanced(data: Dataset): Float32Array {
  const counts = new Array<number>(data.numClasses).fill(0);
  for (let i = 0; i < data.length; i++) counts[data.label(i)]!++;
  // A class without images has no weight to speak of: no image will ask for it.
  const filled = counts.filter((count) => count > 0).length;
  return Float32Array.from(counts, (count) => (count === 0 ? 0 : data.length / (filled * count)));
}

async function readWeights(path: string, data: Dataset): Promise<Float32Array> {
  const weights = new Float32Array(data.numClasses).fill(1);
  for (const [label, value] of entries(await readYaml(path), path, data)) {
    if (typeof value !== 'number' || !(value >= 0 && value < Infinity))
      throw new UserError(
        `${path}: the weight of class ${data.classes?.[label] ?? label} is ${JSON.stringify(value)}, expected a number of 0 or more.`,
      );
    weights[label] = value;
  }
  return weights;
}

async function readYaml(path: string): Promise<unknown> {
  try {
    return parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new UserError(
      `--class-weights ${path}: cannot be read (${(error as Error).message.split('\n')[0]!}). Give a YAML file, or "balanced".`,
      { cause: error },
    );
  }
}

function entries(document: unknown, path: string, data: Dataset): [label: number, value: unknown][] {
  if (Array.isArray(document)) {
    if (document.length !== data.numClasses)
      throw new UserError(
        `${path}: ${document.length} weights, ${data.source} has ${data.numClasses} classes.`,
      );
    return document.map((value: unknown, label) => [label, value]);
  }
  if (typeof document !== 'object' || document === null)
    throw new UserError(`${path}: expected a list of numbers, or "class: number" lines.`);
  const names = data.classes ?? Array.from({ length: data.numClasses }, (_, label) => String(label));
  return Object.entries(document).map(([name, value]) => {
    const label = names.indexOf(name);
    if (label < 0)
      throw new UserError(`${path}: ${data.source} has no class "${name}".${didYouMean(name, names)}`);
    return [label, value];
  });
}
