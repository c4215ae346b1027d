import { CheckpointError } from '../checkpoint-error.js';
import type { ByteSource } from '../source/byte-source.js';
import { headerLength } from './safetensors.js';

export type FileFormat = 'zip' | 'torch-legacy' | 'safetensors' | 'json';

/** First pickle of the legacy format: PROTO 2, LONG1 of ten bytes, the magic number, STOP. */
const LEGACY = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

/** Files that people mistake for checkpoints: signature, where it stands, what to say. */
const KNOWN: readonly (readonly [signature: readonly number[], at: number, message: string])[] = [
  [[0x1f, 0x8b], 0, 'a gzip file: unpack it first (gunzip)'],
  [[0x42, 0x5a, 0x68], 0, 'a bzip2 file: unpack it first'],
  [[0xfd, ...ascii('7zXZ')], 0, 'an xz file: unpack it first'],
  [[0x28, 0xb5, 0x2f, 0xfd], 0, 'a zstd file: unpack it first'],
  [ascii('7z\xbc\xaf\x27\x1c'), 0, 'a 7-Zip archive: unpack it first'],
  [ascii('Rar!'), 0, 'a RAR archive: unpack it first'],
  [
    ascii('ustar'),
    257,
    'a tar archive: unpack it first (PyTorch before 0.1.10 saved tar files; re-save those with a newer one)',
  ],
  [[0x89, ...ascii('HDF')], 0, 'an HDF5 file, as Keras writes; convert it to safetensors first'],
  [[0x93, ...ascii('NUMPY')], 0, 'a NumPy array'],
  [ascii('GGUF'), 0, 'a GGUF file, a format of language models'],
  [ascii('TFL3'), 4, 'a TensorFlow Lite model'],
  [ascii('PK\x05\x06'), 0, 'an empty zip archive'],
  [[0x89, ...ascii('PNG')], 0, 'a PNG image'],
  [[0xff, 0xd8, 0xff], 0, 'a JPEG image'],
  [ascii('%PDF'), 0, 'a PDF document'],
];

const startsWith = (bytes: Uint8Array, signature: readonly number[], at = 0): boolean =>
  bytes.length >= at + signature.length && signature.every((byte, i) => bytes[at + i] === byte);

function lfsPointer(text: string, where: string): CheckpointError {
  const size = /^size (\d{1,15})$/m.exec(text)?.[1];
  const real = size ? ` (the real file has ${Number(size).toLocaleString('en')} bytes)` : '';
  return new CheckpointError(
    'lfs-pointer',
    where,
    `a Git LFS pointer, not the weights${real}: the repository was cloned without its large files. Run "git lfs pull" there, or download the file itself.`,
  );
}

/** Recognises a file by its content, never by its name, and says what it is where it is no checkpoint. */
export async function sniff(source: ByteSource): Promise<FileFormat> {
  const where = source.name;
  if (source.size === 0)
    throw new CheckpointError(
      'empty',
      where,
      'the file is empty: the download or copy failed. Get it again.',
    );
  const head = await source.read(0, Math.min(1024, source.size));
  if (startsWith(head, ascii('PK\x03\x04'))) return 'zip';
  if (startsWith(head, LEGACY)) return 'torch-legacy';
  if (headerLength(head, source.size) !== undefined) return 'safetensors';
  for (const [signature, at, message] of KNOWN)
    if (startsWith(head, signature, at))
      throw new CheckpointError('unknown-format', where, `${message}, not a checkpoint`);
  const text = new TextDecoder()
    .decode(head)
    .replace(/^\ufeff/, '')
    .trimStart();
  if (/^<(!doctype|html|head|body|script|\?xml|!--)/i.test(text)) {
    const title = /<title[^>]*>([^<]{1,80})/i.exec(text)?.[1]?.trim();
    throw new CheckpointError(
      'html',
      where,
      `a web page${title ? ` ("${title}")` : ''}, not a checkpoint: the link leads to a page about the file, or the server refused. Download the file itself.`,
    );
  }
  if (text.startsWith('version https://git-lfs.github.com/spec/')) throw lfsPointer(text, where);
  if (text.startsWith('{')) return 'json';
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5)
    throw new CheckpointError(
      'unknown-format',
      where,
      'a bare pickle, not a file of torch.save. Load it in Python and save it with torch.save or as safetensors.',
    );
  const shown = [...head.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new CheckpointError(
    'unknown-format',
    where,
    `not a checkpoint of a known format (it starts with the bytes ${shown}). Expected: PyTorch .pth/.pt/.bin, TorchScript, safetensors, or a TF.js model.json.`,
  );
}
