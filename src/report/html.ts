/** Markup, as opposed to text that is still to be escaped. */
export class Html {
  constructor(readonly markup: string) {}
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

type Part = Html | string | number | null | undefined | readonly Part[];

/** Markup from a template: everything put into it is text and is escaped, but for what `markup` made itself. Indentation is left out. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const pieces = strings.map(
    (text, i) => text.replace(/\n\s+/g, '\n') + (i < parts.length ? markupOf(parts[i]) : ''),
  );
  return new Html(pieces.join(''));
}

function markupOf(part: Part): string {
  if (part === undefined || part === null) return '';
  if (part instanceof Html) return part.markup;
  return Array.isArray(part) ? part.map(markupOf).join('') : escapeText(String(part));
}

/** Data for a script to read: JSON that cannot end the element it stands in. */
export function jsonFor(data: unknown): Html {
  return new Html(
    JSON.stringify(data)
      .replace(/</g, '\\u003c')
      .replace(/\u2028/g, '\\u2028')
      .replace(/\u2029/g, '\\u2029'),
  );
}
