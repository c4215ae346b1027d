export { decodeJpeg } from './decode-jpeg.js';
export { turboJpeg } from './library.js';
