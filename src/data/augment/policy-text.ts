import { UsageError } from '../../errors.js';

/** `mstd0.5` of a policy string: key `mstd`, value `0.5`. */
export interface PolicySection {
  readonly key: string;
  readonly value: string;
}

/**
 * The sections behind the first of a policy string. timm passes over those it doesn't know and those without a number; here they are
 * refused, as a misspelt one changes what is trained.
 *
 * @param keys those that may be there; the value of `t` is a name, of the others a number
 */
export function policySections(text: string, keys: readonly string[]): PolicySection[] {
  const sections = text
    .split('-')
    .slice(1)
    .map((section) => {
      const [, key, value] =
        (section.startsWith('t') && /^(t)(\w+)$/.exec(section)) ||
        /^([a-z]+)(\d+(?:\.\d+)?)$/.exec(section) ||
        [];
      if (key === undefined || value === undefined || !keys.includes(key))
        throw new UsageError(
          `aa: "${section}" in "${text}" is not understood: expected ${keys.join(', ')}, each with its value, such as ${keys[0]}${keys[0] === 'mstd' ? '0.5' : '9'}.`,
        );
      return { key, value };
    });
  const twice = sections.find(({ key }, i) => sections.findIndex((section) => section.key === key) !== i);
  if (twice !== undefined) throw new UsageError(`aa: "${twice.key}" is given twice in "${text}".`);
  return sections;
}

/** The value of a section that must be a whole number. */
export function wholeNumber(text: string, { key, value }: PolicySection, min: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < min)
    throw new UsageError(
      `aa: expected a whole number of ${min} or more for "${key}" in "${text}", found ${value}.`,
    );
  return number;
}
