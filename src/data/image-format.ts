/** The formats that are decoded. */
export type ImageFormat = 'jpg' | 'png' | 'webp' | 'gif';

const ascii = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end));

/** What a file is by its first bytes; undefined for everything else. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpg';
  if (bytes[0] === 0x89 && ascii(bytes, 1, 4) === 'PNG') return 'png';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'webp';
  return ascii(bytes, 0, 4) === 'GIF8' ? 'gif' : undefined;
}

/** What the first frame header of a JPEG says. */
export interface JpegFrame {
  /** The marker's second byte: 0xc0 baseline, 0xc1 extended, 0xc2 progressive, … */
  readonly process: number;
  /** Bits of a sample. */
  readonly precision: number;
  readonly components: number;
}

/** The first frame header of a JPEG; undefined where none is found. */
export function jpegFrame(bytes: Uint8Array): JpegFrame | undefined {
  for (let i = 2; i + 9 < bytes.length && bytes[i] === 0xff;) {
    const marker = bytes[i + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { process: marker, precision: bytes[i + 4]!, components: bytes[i + 9]! };
    // A fill byte, or a segment of this length.
    i += marker === 0xff ? 1 : 2 + bytes[i + 2]! * 256 + bytes[i + 3]!;
  }
  return undefined;
}
