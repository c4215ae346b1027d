import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A Python that has TensorBoard from PyPI (`pip install tensorboard`). */
export const TENSORBOARD_PYTHON = process.env.RECNEXT_TENSORBOARD_PYTHON;
export const NO_TENSORBOARD = 'RECNEXT_TENSORBOARD_PYTHON names no Python that has TensorBoard';

export interface EventsRead {
  scalars: Record<string, [step: number, value: number][]>;
  histograms: Record<
    string,
    [
      step: number,
      histogram: {
        min: number;
        max: number;
        num: number;
        sum: number;
        sum_squares: number;
        bucket_limit: number[];
        bucket: number[];
      },
    ][]
  >;
  images: Record<string, [step: number, height: number, width: number, base64: string][]>;
}

/** What TensorBoard's own reader finds in a folder of event files. */
export async function readEvents(folder: string): Promise<EventsRead> {
  const script = fileURLToPath(new URL('read-events.py', import.meta.url));
  const { stdout } = await promisify(execFile)(TENSORBOARD_PYTHON!, [script, folder], {
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(stdout) as EventsRead;
}
