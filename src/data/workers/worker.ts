import sharp from 'sharp';
import { parentPort } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import { decodeImage, decodeImageNow } from '../decode.js';
import { Limiter } from '../limiter.js';
import type { RgbImage } from '../rgb-image.js';
import { inOneScope } from '../simd/instance.js';
import type { ImageTransform } from '../transform.js';
import { describedTransform } from '../transform-description.js';
import { AT_A_TIME, type FromWorker, type SampleTask, type ToWorker } from './protocol.js';

/*
 * A thread that decodes and transforms samples, one after the other, straight into the memory of their batches. While it transforms one, sharp may decode
 * the next ones on threads of its own.
 */

// There are as many workers as the user wants threads.
sharp.concurrency(1);
// Every file is decoded once: results are not kept.
sharp.cache(false);

const port = parentPort!;
const transforms = new Map<number, ImageTransform>();
const batches = new Map<number, { readonly images: Float32Array; readonly left: Int32Array }>();
const limiter = new Limiter(AT_A_TIME);

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'transform':
      transforms.set(message.id, describedTransform(message.description));
      break;
    case 'batch':
      batches.set(message.id, message);
      break;
    case 'end':
      batches.delete(message.id);
      break;
    case 'sample':
      void limiter.run(async () =>
        port.postMessage({ ...(await work(message)), id: message.id } as FromWorker),
      );
  }
});

type Outcome<T = FromWorker> = T extends FromWorker ? Omit<T, 'id'> : never;

async function work({ batch, offset, transform, address, name, source, keep }: SampleTask): Promise<Outcome> {
  const { images, left } = batches.get(batch)!;
  if (Atomics.load(left, 0) === 1) return { kind: 'left' };
  const { write } = transforms.get(transform)!;
  const finish = (image: RgbImage): Outcome => {
    write(image, address, images, offset);
    return { kind: 'done', ...(keep && { pixels: shared(image) }) };
  };
  try {
    if (!(source instanceof Uint8Array)) return finish(source);
    const outcome = inOneScope(() => {
      const image = decodeImageNow(source);
      return image && finish(image);
    });
    return outcome ?? finish(await decodeImage(source, name));
  } catch (error) {
    if (error instanceof UserError) return { kind: 'refused', message: error.message };
    return { kind: 'failed', stack: (error instanceof Error && error.stack) || String(error) };
  }
}

/** The same picture in memory that needs no copy from thread to thread. */
function shared({ width, height, data }: RgbImage): RgbImage {
  const copy = new Uint8Array(new SharedArrayBuffer(data.length));
  copy.set(data);
  return { width, height, data: copy };
}
