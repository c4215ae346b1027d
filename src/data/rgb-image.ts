/** A decoded picture: 8-bit RGB, rows from top to bottom, 3 bytes a pixel, no padding. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `height * width * 3` bytes. */
  readonly data: Uint8Array;
}

/** A rectangle of pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A copy of the part of `image` inside `box`; what lies outside the image is black, as torchvision's padding is. */
export function crop(image: RgbImage, box: Box): RgbImage {
  const data = new Uint8Array(box.width * box.height * 3);
  const firstColumn = Math.max(box.left, 0);
  const lastColumn = Math.min(box.left + box.width, image.width);
  const lastRow = Math.min(box.top + box.height, image.height);
  if (firstColumn < lastColumn)
    for (let y = Math.max(box.top, 0); y < lastRow; y++) {
      const row = y * image.width;
      const target = ((y - box.top) * box.width + firstColumn - box.left) * 3;
      data.set(image.data.subarray((row + firstColumn) * 3, (row + lastColumn) * 3), target);
    }
  return { width: box.width, height: box.height, data };
}
