import type * as fs from 'node:fs/promises';

/** How many more bytes the disk takes. */
export const disk = { left: Infinity };

const full = (): Error =>
  Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });

/**
 * `node:fs/promises` on a disk that takes `disk.left` more bytes, then answers as a full one does. For a test file's
 * `vi.mock('node:fs/promises', …)`.
 */
export async function fsOnFullDisk(original: () => Promise<unknown>): Promise<typeof fs> {
  const real = (await original()) as typeof fs;
  return {
    ...real,
    open: async (...args: Parameters<typeof fs.open>) => {
      const handle = await real.open(...args);
      const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<{ bytesWritten: number }>;
      handle.write = (async (...written: unknown[]) => {
        const result = await write(...written);
        disk.left -= result.bytesWritten;
        if (disk.left < 0) throw full();
        return result;
      }) as typeof handle.write;
      return handle;
    },
    appendFile: async (...args: Parameters<typeof fs.appendFile>) => {
      if (disk.left < String(args[1]).length) throw full();
      return real.appendFile(...args);
    },
  };
}
