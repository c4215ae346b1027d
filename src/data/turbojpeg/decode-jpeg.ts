import { jpegFrame } from '../image-format.js';
import type { RgbImage } from '../rgb-image.js';
import { turboJpeg, type TurboJpeg } from './library.js';

/** TJPF_RGB. */
const RGB = 0;
/** TJFLAG_STOPONWARNING: a warning means that the other decoder will be asked. */
const STOP_ON_WARNING = 8192;
/** TJSAMP_444, _422, _420, _GRAY. */
const SUBSAMPLINGS = new Set([0, 1, 2, 3]);
/** TJCS_RGB, _YCbCr, _GRAY. */
const COLOURSPACES = new Set([0, 1, 2]);

/**
 * The same as {@link decodeJpeg}, in this thread and at once.
 *
 * @param memory where the pixels go: so many bytes
 */
export function decodeJpegNow(
  bytes: Uint8Array,
  maxPixels: number,
  memory: (length: number) => Uint8Array,
): RgbImage | undefined {
  const library = turboJpeg();
  if (library === undefined || !isOrdinary(bytes)) return undefined;
  const handle = library.initDecompress();
  try {
    const size = ordinarySize(library, handle, bytes, maxPixels);
    if (size === undefined) return undefined;
    const data = memory(size.width * size.height * 3);
    const status = library.decompress(handle, bytes, bytes.length, data, ...parameters(size));
    return status === 0 ? { ...size, data } : undefined;
  } finally {
    library.destroy(handle);
  }
}

/**
 * Decodes a JPEG with TurboJPEG at its defaults (accurate DCT, fancy upsampling), which are Pillow's: the same bytes as sharp's, in half
 * the time. Only ordinary files: baseline and progressive, gray or RGB, subsampled as usual. On one of libuv's threads, so that several decode
 * at a time.
 *
 * @param maxPixels larger pictures aren't tried
 * @returns undefined where the library isn't there, and for everything that isn't ordinary or not whole: let the other decoder decide
 */
export async function decodeJpeg(bytes: Uint8Array, maxPixels: number): Promise<RgbImage | undefined> {
  const library = turboJpeg();
  if (library === undefined || !isOrdinary(bytes)) return undefined;
  // A new one for each file: one used before keeps the tables of the last file, and after an error isn't usable.
  const handle = library.initDecompress();
  try {
    const size = ordinarySize(library, handle, bytes, maxPixels);
    if (size === undefined) return undefined;
    const data = new Uint8Array(size.width * size.height * 3);
    const status = await decompress(library, handle, bytes, data, size);
    return status === 0 ? { ...size, data } : undefined;
  } finally {
    library.destroy(handle);
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function ordinarySize(
  library: TurboJpeg,
  handle: unknown,
  bytes: Uint8Array,
  maxPixels: number,
): Size | undefined {
  const width: [number] = [0];
  const height: [number] = [0];
  const subsampling: [number] = [-1];
  const colourspace: [number] = [-1];
  const status = library.header(handle, bytes, bytes.length, width, height, subsampling, colourspace);
  const ordinary = SUBSAMPLINGS.has(subsampling[0]) && COLOURSPACES.has(colourspace[0]);
  const fits = width[0] * height[0] <= maxPixels;
  return status === 0 && ordinary && fits ? { width: width[0], height: height[0] } : undefined;
}

/** What the library wants to know beside the memory. */
function parameters({ width, height }: Size) {
  return [width, width * 3, height, RGB, STOP_ON_WARNING] as const;
}

function decompress(
  library: TurboJpeg,
  handle: unknown,
  bytes: Uint8Array,
  data: Uint8Array,
  size: Size,
): Promise<number> {
  return new Promise((resolve, reject) => {
    // The closure keeps both arrays until the thread is done with them.
    library.decompress.async(handle, bytes, bytes.length, data, ...parameters(size), (error, status) =>
      error == null && data.length + bytes.length > 0 ? resolve(status) : reject(error as Error),
    );
  });
}

/** Whether the first frame header is of the baseline or progressive process at 8 bits: others decode differently from library to library. */
function isOrdinary(bytes: Uint8Array): boolean {
  const frame = jpegFrame(bytes);
  return frame !== undefined && (frame.process === 0xc0 || frame.process === 0xc2) && frame.precision === 8;
}
