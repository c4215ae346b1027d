import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { u32 } from '../../helpers/synthetic.js';

const COLORS = { blue: [40, 60, 200], green: [50, 180, 60], red: [210, 40, 50] };

/** Class folders of 16 × 16 pictures in shades of three colours, `train` and `val`. */
export async function colorFolders(path: string, perClass: { train: number; val: number }): Promise<string> {
  for (const split of ['train', 'val'] as const)
    for (const [name, [r, g, b]] of Object.entries(COLORS)) {
      const folder = join(path, split, name);
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < perClass[split]; i++) {
        const shade = 0.7 + 0.3 * (u32(i, r!) / 2 ** 32);
        const background = { r: r! * shade, g: g! * shade, b: b! * shade };
        await sharp({ create: { width: 16, height: 16, channels: 3, background } })
          .png()
          .toFile(join(folder, `${i}.png`));
      }
    }
  return path;
}
