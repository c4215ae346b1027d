import { CheckpointError } from '../checkpoint-error.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Entry names are UTF-8, as PyTorch writes them; in the code pages of old archivers, ASCII is the same. */
export function decodeName(raw: Uint8Array, where: string): string {
  try {
    return utf8.decode(raw);
  } catch (cause) {
    throw new CheckpointError(
      'corrupt',
      where,
      'the zip archive is damaged or forged: an entry name is no UTF-8',
      {
        cause,
      },
    );
  }
}

/** Refuses names that would leave the folder an archive is unpacked to, on any system, though nothing is unpacked here. */
export function checkedName(name: string, where: string): string {
  const safe =
    name !== '' &&
    !/[\\\0]|^\/|^[a-z]:/i.test(name) &&
    !name.includes('//') &&
    name.split('/').every((part) => part !== '..' && part !== '.');
  if (safe) return name;
  throw new CheckpointError(
    'unsafe-name',
    where,
    `unsafe filename ${JSON.stringify(name)}: it could lead out of the archive`,
  );
}
