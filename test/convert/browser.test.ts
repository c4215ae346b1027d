import { describe, it } from 'vitest';
import { expectBrowserBundle } from '../helpers/browser-bundle.js';

describe('in a browser', () => {
  it.each(['checkpoint', 'write/safetensors', 'write/torch'])(
    '%s bundles without any module of Node',
    async (file) => {
      await expectBrowserBundle(`src/convert/${file}.ts`);
    },
  );
});
