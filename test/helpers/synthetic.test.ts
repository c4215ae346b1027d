import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GOLDEN, hasGolden, NO_GOLDEN } from './golden.js';
import {
  fnv1a32,
  sampleIndices,
  syntheticInput,
  syntheticStateDict,
  syntheticWeight,
  u32,
  uniform,
} from './synthetic.js';

type Layout = [string, number[]][];
const json = (file: string): unknown => JSON.parse(readFileSync(join(GOLDEN, file), 'utf8'));
const sha256 = (array: ArrayBufferView): string =>
  createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex');

describe('the generator of the reference weights', () => {
  it('gives the test vectors of the specification', () => {
    expect(fnv1a32('input/a')).toBe(377218407);
    expect([0, 1, 2, 3, 4].map((i) => u32(fnv1a32('stem.stem.0.conv.weight'), i))).toEqual([
      184941815, 1299551034, 3049203596, 1020044584, 1972665292,
    ]);
  });

  it('fills a whole tensor with the same numbers as one at a time', () => {
    const whole = syntheticWeight('layer.running_mean', [64]);
    const single = uniform('layer.running_mean', 64).map((u) => 0.1 * u);
    expect(whole).toEqual(Float32Array.from(single));
  });

  it('samples evenly from the first to the last element', () => {
    expect(sampleIndices(3, 4)).toEqual([0, 1, 2]);
    expect(sampleIndices(11, 3)).toEqual([0, 5, 10]);
    expect(sampleIndices(12, 3)).toEqual([0, 5, 11]);
  });

  describe.skipIf(!hasGolden)(
    `against the reference digests${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`,
    () => {
      it('reproduces models/prng.json', () => {
        const prng = json('models/prng.json') as {
          fnv1a32: Record<string, number>;
          stream: Record<
            string,
            { seed: number; uint32_first5: number[]; uniform_first5: number[]; uint32_at_1000000: number }
          >;
          weights: Record<string, { shape: number[]; sha256: string }>;
          inputs: Record<string, { key: string; shape: [number, number, number, number]; sha256: string }>;
        };
        for (const [text, hash] of Object.entries(prng.fnv1a32)) expect(fnv1a32(text)).toBe(hash);
        for (const [key, stream] of Object.entries(prng.stream)) {
          expect([0, 1, 2, 3, 4].map((i) => u32(stream.seed, i))).toEqual(stream.uint32_first5);
          expect([...uniform(key, 5)]).toEqual(stream.uniform_first5);
          expect(u32(stream.seed, 1_000_000)).toBe(stream.uint32_at_1000000);
        }
        for (const [name, { shape, sha256: digest }] of Object.entries(prng.weights))
          expect(sha256(syntheticWeight(name, shape)), name).toBe(digest);
        for (const [name, { key, shape, sha256: digest }] of Object.entries(prng.inputs))
          expect(sha256(syntheticInput(key, shape)), name).toBe(digest);
      });

      it.each(['recnext_m0', 'recnext_a5', 'recnext_t', 'recnext_b_share_channel'])(
        'reproduces all weights of %s',
        (name) => {
          const model = json(`models/${name}.json`) as { state_dict: Layout; weights_sha256: string };
          const hash = createHash('sha256');
          for (const { data } of syntheticStateDict(model.state_dict).values())
            if (data instanceof Float32Array) hash.update(new Uint8Array(data.buffer));
          expect(hash.digest('hex')).toBe(model.weights_sha256);
        },
      );

      it('reproduces the weights of the teacher and the tiny models', () => {
        const { models } = json('teacher/index.json') as {
          models: Record<string, { state_dict: Layout; weights_sha256: string }>;
        };
        const tiny = json('checkpoints/index.json') as { models: typeof models };
        for (const [name, model] of [...Object.entries(models), ...Object.entries(tiny.models)]) {
          if (model.state_dict === undefined) continue;
          const hash = createHash('sha256');
          for (const { data } of syntheticStateDict(model.state_dict).values())
            if (data instanceof Float32Array) hash.update(new Uint8Array(data.buffer));
          expect(hash.digest('hex'), name).toBe(model.weights_sha256);
        }
      });
    },
  );
});
