export { decodeJpeg, decodeJpegNow } from './decode-jpeg.js';
export { turboJpeg } from './library.js';
