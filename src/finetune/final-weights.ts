import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bestWeights } from '../report/evaluate-run.js';
import { writeFolder } from '../runtime/write-folder.js';
import type { TrainResult } from '../train/train.js';

/**
 * The folder of the weights to keep of a finished run. The best epoch of a few dozen pictures is best by luck as much as by merit, and the average at the
 * end of the schedule has seen more: it is taken unless it is worse than the best by more than the standard error of the best's top-1.
 */
export async function weightsToKeep(folder: string, result: TrainResult): Promise<string | undefined> {
  const { best, ema, raw } = result;
  const last = ema ?? raw;
  if (last === undefined) return undefined;
  const top1 = Math.max(best.raw?.top1 ?? 0, best.ema?.top1 ?? 0);
  if (last.top1 < top1 - standardError(top1, last.images)) return bestWeights(folder);
  const final = join(folder, 'final');
  const from = (name: string) => join(result.checkpoint, name);
  await writeFolder(
    final,
    async (temporary) => {
      for (const name of ['config.json', 'classes.txt'])
        if (existsSync(from(name))) await copyFile(from(name), join(temporary, name));
      const weights = ema === undefined ? 'model.safetensors' : 'ema.safetensors';
      await copyFile(from(weights), join(temporary, 'model.safetensors'));
    },
    { replace: true },
  );
  return final;
}

/** Of a share in percent, found on so many images (with the Agresti-Coull correction: 100 % of 25 is not certain). */
export function standardError(percent: number, images: number): number {
  const count = images + 4;
  const share = ((percent / 100) * images + 2) / count;
  return 100 * Math.sqrt((share * (1 - share)) / count);
}
