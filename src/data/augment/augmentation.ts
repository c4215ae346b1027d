import type { Draws } from '../random.js';
import type { RgbImage } from '../rgb-image.js';

/** Changes a picture at random: a function of the picture and of what is drawn. The given picture is not written to. */
export type Augmentation = (image: RgbImage, draws: Draws) => RgbImage;
