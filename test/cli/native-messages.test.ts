import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeTensorFlow } from '../helpers/tensorflow.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let folder: string;
let image: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recnext-messages-'));
  image = join(folder, 'grey.png');
  await sharp({ create: { width: 64, height: 64, channels: 3, background: '#888' } })
    .png()
    .toFile(image);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describeTensorFlow("TensorFlow's graph optimizer takes our graphs", () => {
  // Its remapper once failed on every A model ("empty op name"), and said so only on this stream.
  it.each([
    ['recnext_a0', []],
    ['recnext_t', []],
    ['recnext_a0', ['--amp', 'bfloat16']],
  ])(
    'of %s %j, without an error or a warning',
    async (model, options) => {
      const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0' };
      const args = [
        'predict',
        image,
        '--model',
        model,
        '--random-weights',
        '--fuse',
        '--engine',
        'tensorflow',
      ];
      const stderr = await new Promise<string>((resolve, reject) => {
        execFile(process.execPath, [MAIN, ...args, ...options], { env }, (error, _, text) =>
          error === null ? resolve(text) : reject(error),
        );
      });
      const lines = stderr.split('\n');
      // Information is there: the stream is the one that a failure would be on.
      expect(lines.filter((line) => /^I\d{4} /.test(line)).length).toBeGreaterThan(0);
      expect(lines.filter((line) => /^[WEF]\d{4} /.test(line) || /fail/i.test(line))).toEqual([]);
    },
    60_000,
  );
});
