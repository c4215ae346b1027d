import { UserError } from '../../errors.js';
import { IMAGENET_SYNSETS, synsetLabel } from './imagenet-synsets.js';

/** More classes than any data set has: a larger label is a mistake, and would be paid for in memory. */
const MAX_CLASSES = 1_000_000;

/**
 * A label written as text.
 * @param name the sample, for messages
 * @throws UserError for anything but a whole number from 0 on
 */
export function parseLabel(text: string, name: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new UserError(
      `${name}: expected a whole number from 0 on as label, found ${JSON.stringify(text.slice(0, 40))}.`,
    );
  return checkLabel(Number(text), MAX_CLASSES, name);
}

/**
 * Holds a label against the number of classes.
 * @param limit number of classes, or Infinity where it is not known yet
 */
export function checkLabel(label: number, limit: number, name: string): number {
  if (label >= MAX_CLASSES)
    throw new UserError(`${name}: label ${label} is out of range, expected 0 to ${MAX_CLASSES - 1}.`);
  if (!(Number.isInteger(label) && label >= 0 && label < limit))
    throw new UserError(
      `${name}: label ${label} is out of range, expected 0 to ${limit - 1} (${limit} classes).`,
    );
  return label;
}

export interface NamedClasses {
  /** Names of the classes by label. */
  readonly classes: readonly string[];
  /** Label of each name that was given. */
  readonly labels: readonly number[];
}

/**
 * Labels of classes that the data know by name, as folders or words: by the order of the names, as torchvision's ImageFolder numbers them.
 * Where the names are synsets of ImageNet and the model has its 1,000 classes, they get ImageNet's labels, whichever of them are there.
 *
 * @param names without repetition, in the order of their code points
 */
export function labelsOfNames(
  names: readonly string[],
  context: {
    readonly source: string;
    readonly numClasses: number | undefined;
    readonly notice: (line: string) => void;
  },
): NamedClasses {
  const synsets = names.map(synsetLabel);
  if (
    context.numClasses === IMAGENET_SYNSETS.length &&
    names.length < IMAGENET_SYNSETS.length &&
    synsets.every((label) => label !== undefined)
  ) {
    const missing = IMAGENET_SYNSETS.filter((synset) => !names.includes(synset));
    context.notice(
      `${context.source} has pictures of ${names.length} of ImageNet's 1000 classes, labelled as there; ${some(missing)} ${missing.length === 1 ? 'is' : 'are'} missing.`,
    );
    return { classes: IMAGENET_SYNSETS, labels: synsets };
  }
  if (names.length > 10 && names.every((name) => /^(0|[1-9]\d*)$/.test(name)))
    context.notice(
      `${context.source}: the classes are called by numbers and labelled in the order of the text, as torchvision does it: ${names.slice(0, 3).join(', ')}, …`,
    );
  return { classes: names, labels: names.map((_, label) => label) };
}

/** The order of UTF-8 bytes is that of code points, which JavaScript's own order (UTF-16) is not. */
export function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The first few of many names, for messages. */
export function some(names: readonly string[], most = 3): string {
  return names.slice(0, most).join(', ') + (names.length > most ? ', …' : '');
}
