const UNITS = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** What {@link parseByteSize} takes. */
export const BYTE_SIZE = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i;

/** A number of bytes as people write it: `1000000`, `512M`, `1.5G`, `200GiB`; undefined for anything else, and for none. */
export function parseByteSize(text: string): number | undefined {
  const match = BYTE_SIZE.exec(text.trim());
  const bytes = match && Math.floor(Number(match[1]) * UNITS[match[2]!.toUpperCase() as keyof typeof UNITS]);
  return bytes || undefined;
}
