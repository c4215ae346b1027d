import * as fs from 'node:fs';
import { die, dieAtCall, isLastCall } from './die-at-call.js';

// Fills a teacher cache in a process of its own that kills itself without warning at its n-th call that changes names or contents on the disk:
// node teach-child.mjs FOLDER N (0: never).
const [folder, calls] = process.argv.slice(2) as [string, string];

const { open } = fs.promises;
fs.promises.open = async (...args) => {
  const handle = await open(...args);
  // Half of a record is written, and no more.
  const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<unknown>;
  handle.write = (async (bytes: Uint8Array, offset = 0, length = bytes.length, position?: number) => {
    if (isLastCall()) {
      await write(bytes, offset, length >> 1, position);
      die();
    }
    return write(bytes, offset, length, position);
  }) as typeof handle.write;
  return handle;
};
dieAtCall(Number(calls), ['mkdir', 'rename', 'rm', 'open']);

const { TeacherCache } = await import('../../../src/train/teacher/cache/teacher-cache.js');
const { uniform } = await import('../../helpers/synthetic.js');

const EPOCHS = 3;
const cache = await TeacherCache.open(folder, {
  format: { kind: 'soft', classes: 5, topk: 5, type: 'float32' },
  batchSize: 2,
  batches: 4,
  identity: { seed: '0' },
  write: true,
  notice: () => undefined,
});
for (;;) {
  const missing = await cache.firstMissing({ epoch: 0, step: 0 }, EPOCHS);
  if (missing === undefined) break;
  const { epoch, batch } = missing;
  fs.writeSync(1, `${epoch}/${batch}\n`);
  await cache.add(epoch, batch, Float32Array.from(uniform(`${epoch}/${batch}`, 10)));
}
await cache.close();
