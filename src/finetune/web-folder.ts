import { join } from 'node:path';
import { convertCheckpoint, type ConvertResult } from '../convert/convert.js';
import { readModel } from '../convert/read-model.js';
import { writeFileAtomic } from '../runtime/files.js';
import { writeFolder } from '../runtime/write-folder.js';
import { webReadme, type WebModel } from './web-readme.js';

/**
 * Writes a folder for a web page: the model with its batch norms folded, the names of its classes, and how to use it. Takes the place of an
 * earlier one, whole or not at all.
 */
export async function writeWebFolder(
  weights: string,
  output: string,
  accuracy: Pick<WebModel, 'top1' | 'images'>,
): Promise<ConvertResult> {
  let converted: ConvertResult | undefined;
  await writeFolder(
    output,
    async (folder) => {
      converted = await convertCheckpoint({ weights, output: folder, to: 'layers', fuse: 'full' });
      const { config } = await readModel({ weights });
      await writeFileAtomic(join(folder, 'README.md'), webReadme({ config, ...accuracy }));
    },
    { replace: true },
  );
  return converted!;
}
