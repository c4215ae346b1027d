import { describe, expect, it } from 'vitest';
import { expectBrowserBundle } from '../helpers/browser-bundle.js';

describe('in a browser', () => {
  it('the layers bundle without any module of Node, and keep their registration', async () => {
    const code = await expectBrowserBundle('src/layers/index.ts');
    for (const name of ['RecNextStem', 'RecNextStage', 'RecNextHead', 'RecConv2d', 'RecAttn2d']) {
      expect(code).toMatch(new RegExp(`className = ["']${name}["']`));
    }
    expect(code.match(/registerLayer\(/g)!.length).toBeGreaterThan(15);
  }, 60_000);
});
