import sharp, { type Sharp, type SharpOptions } from 'sharp';
import { UsageError, UserError } from '../errors.js';
import { imageFormat, jpegFrame } from './image-format.js';
import type { RgbImage } from './rgb-image.js';
import { arrayInScope } from './simd/instance.js';
import { decodeJpeg, decodeJpegNow, turboJpeg } from './turbojpeg/index.js';

/** Pillow refuses pictures of more pixels than this as decompression bombs (twice its `MAX_IMAGE_PIXELS`). */
export const MAX_PIXELS = 2 * 89_478_485;

/** Who decodes JPEG: `auto` is TurboJPEG where its library is found, else sharp. Both give the same bytes and the same errors. */
export type JpegDecoder = 'auto' | 'sharp' | 'turbojpeg';

export interface DecodeOptions {
  /** Default: what the environment variable RECNEXT_JPEG says, else `auto`. */
  readonly jpeg?: JpegDecoder;
}

/**
 * Decodes an encoded picture to the bytes of Pillow's `Image.open(file).convert("RGB")`: colour profiles and the EXIF orientation are
 * ignored, alpha is dropped without compositing, gray and palette are expanded, CMYK is converted by Pillow's formula, 16-bit colour
 * keeps its high byte, 16-bit gray without alpha is clipped to 255 (as Pillow does it). Of an animation, the first frame.
 *
 * @param bytes the file: JPEG, PNG, WebP or GIF.
 * @param name what the file is called in messages.
 * @throws UserError when it is empty, no such image, truncated, damaged, or has more than {@link MAX_PIXELS} pixels.
 */
export async function decodeImage(
  bytes: Uint8Array,
  name: string,
  { jpeg = defaultJpegDecoder() }: DecodeOptions = {},
): Promise<RgbImage> {
  if (bytes.length === 0) throw new UserError(`${name} is empty (0 bytes): expected an image. Remove it.`);
  // Other formats of sharp's (SVG, PDF, …) would run far more code on foreign files.
  const format = imageFormat(bytes);
  if (format === undefined)
    throw new UserError(
      `${name} is not an image: expected JPEG, PNG, WebP or GIF, found ${firstBytes(bytes)}.`,
    );
  if (format === 'jpg' && jpeg !== 'sharp') {
    const image = await decodeJpeg(bytes, MAX_PIXELS);
    if (image !== undefined) return image;
    if (jpeg === 'turbojpeg') requireTurboJpeg();
  }
  return decodeWithSharp(bytes, name);
}

/**
 * The picture of {@link decodeImage}, where it can be had in this thread and without waiting: an ordinary JPEG, where TurboJPEG is found and may be used.
 * Inside of a scope of the SIMD module its pixels may lie in that one's memory.
 *
 * @returns undefined for everything else, and for what is no good: let {@link decodeImage} decide
 */
export function decodeImageNow(bytes: Uint8Array): RgbImage | undefined {
  if (imageFormat(bytes) !== 'jpg' || defaultJpegDecoder() === 'sharp') return undefined;
  return decodeJpegNow(bytes, MAX_PIXELS, arrayInScope);
}

function defaultJpegDecoder(): JpegDecoder {
  const choice = process.env.RECNEXT_JPEG || 'auto';
  if (choice !== 'auto' && choice !== 'sharp' && choice !== 'turbojpeg')
    throw new UsageError(`RECNEXT_JPEG: expected auto, sharp or turbojpeg, found "${choice}".`);
  return choice;
}

function requireTurboJpeg(): void {
  if (turboJpeg() === undefined)
    throw new UserError(
      'RECNEXT_JPEG=turbojpeg: the library libturbojpeg is not found. Install it (Debian: libturbojpeg0, macOS: jpeg-turbo), or leave the choice to auto.',
    );
}

async function decodeWithSharp(bytes: Uint8Array, name: string): Promise<RgbImage> {
  // Pillow goes on after a decoder's warnings and fails where the data end too early: so does 'truncated'.
  const options: SharpOptions = { ignoreIcc: true, failOn: 'truncated', limitInputPixels: MAX_PIXELS };
  try {
    // Asking first costs a tenth of a decoding, and of a JPEG in gray or RGB the answer is known.
    const { space, hasAlpha } = isGrayOrRgbJpeg(bytes)
      ? { space: undefined, hasAlpha: false }
      : await sharp(bytes, options).metadata();
    const image = sharp(bytes, options);
    if (space === 'cmyk') {
      const { info, data } = await raw(image.pipelineColourspace('cmyk').toColourspace('cmyk'));
      return { width: info.width, height: info.height, data: cmykToRgb(data) };
    }
    if (space === 'grey16' && !hasAlpha) {
      const { info, data } = await raw(image.pipelineColourspace('grey16').toColourspace('grey16'), 'ushort');
      return { width: info.width, height: info.height, data: gray16ToRgb(data) };
    }
    const { info, data } = await raw(image.removeAlpha());
    // A plain array: `slice` of a Buffer would give a view where everybody expects a copy.
    const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { width: info.width, height: info.height, data: pixels };
  } catch (error) {
    const size = await sizeOf(bytes);
    if (size !== undefined && size.width * size.height > MAX_PIXELS)
      throw new UserError(
        `${name} (${bytes.length} bytes) says it has ${size.width} x ${size.height} pixels: expected at most ${MAX_PIXELS} in all. Replace or remove it.`,
        { cause: error },
      );
    throw new UserError(
      `cannot decode ${name} (${bytes.length} bytes): ${reason(error)}. Replace or remove it.`,
      { cause: error },
    );
  }
}

/** Width and height that the header of a file says, whatever they are; nothing is decoded. */
async function sizeOf(bytes: Uint8Array): Promise<{ width: number; height: number } | undefined> {
  return sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
}

function isGrayOrRgbJpeg(bytes: Uint8Array): boolean {
  const components = imageFormat(bytes) === 'jpg' ? jpegFrame(bytes)?.components : undefined;
  return components === 1 || components === 3;
}

function raw(image: Sharp, depth: 'uchar' | 'ushort' = 'uchar') {
  return image.raw({ depth }).toBuffer({ resolveWithObject: true });
}

/** Pillow's CMYK to RGB: R = K' - C K' / 255 in its rounding division, K' = 255 - K. */
function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const light = 255 - cmyk[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = cmyk[from + c]! * light + 128;
      rgb[to + c] = Math.max(0, light - ((product + (product >> 8)) >> 8));
    }
  }
  return rgb;
}

/** Pillow's `I;16` to RGB: values above 255 become 255 (they aren't scaled). */
function gray16ToRgb(gray: Uint8Array): Uint8Array {
  const values = new DataView(gray.buffer, gray.byteOffset, gray.byteLength);
  const rgb = new Uint8Array((gray.length / 2) * 3);
  // libvips hands 16-bit samples over in the machine's order, which is little-endian wherever Node runs with prebuilt sharp.
  for (let i = 0; i < rgb.length; i += 3)
    rgb.fill(Math.min(values.getUint16((i / 3) * 2, true), 255), i, i + 3);
  return rgb;
}

/** sharp's message in one line. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]!.replace(/\.$/, '');
}

function firstBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, 8))
    .toString('hex')
    .replace(/..(?=.)/g, '$& ');
  return `${bytes.length} bytes that begin with ${hex}`;
}
