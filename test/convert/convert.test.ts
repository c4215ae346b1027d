import * as tf from '@tensorflow/tfjs';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/convert/convert.js';
import { loadModel } from '../../src/convert/load-weights.js';
import { bfloat16Bits, float16Bits } from '../../src/convert/write/half-precision.js';
import { UserError } from '../../src/errors.js';
import { RecNext, type StateDict } from '../../src/models/index.js';
import { resolveRecNext } from '../../src/models/recnext-config.js';
import { writeSafetensors } from '../../src/convert/files.js';
import { describeBackends } from '../helpers/backends.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recnext-convert-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const TINY = { embedDim: [4, 8, 16, 32], depth: [1, 1, 2, 1], numClasses: 10, imgSize: 32 };

const T_SHARE = { embedDim: [8, 16, 24, 32], depth: [1, 1, 2, 6], numClasses: 10 };

interface GoldenFile {
  model: string;
  logits?: number[][];
  tolerance: number;
  what: string;
}

describe.skipIf(!hasGolden)(`golden checkpoints${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`, () => {
  const index = hasGolden
    ? (JSON.parse(readFileSync(`${GOLDEN}checkpoints/index.json`, 'utf8')) as {
        files: Record<string, GoldenFile>;
      })
    : { files: {} };

  describeBackends(['node'], 'logits of every file', () => {
    // Strict loading refuses these three; they have tests of their own below.
    const strict = Object.entries(index.files).filter(([name]) => !/extra|missing|other_classes/.test(name));
    it.each(strict)('%s', async (name, { logits, tolerance }) => {
      const { model } = await loadModel({ weights: `${GOLDEN}checkpoints/${name}` });
      const input = new Float32Array(
        Uint8Array.from(readFileSync(`${GOLDEN}checkpoints/input_tiny.f32`)).buffer,
      );
      const found = tf.tidy(() => {
        const x = tf.transpose(tf.tensor4d(input, [2, 3, 64, 64]), [0, 2, 3, 1]);
        return model.forward(x).dataSync<'float32'>();
      });
      const expected = logits!.flat();
      expect(found.length).toBe(expected.length);
      expected.forEach((value, i) => expect(Math.abs(found[i]! - value)).toBeLessThan(tolerance));
      model.dispose();
    });

    it('names what does not fit', async () => {
      const load = (file: string) => loadModel({ weights: `${GOLDEN}checkpoints/${file}` });
      await expect(load('m_extra.pth')).rejects.toThrow(/unexpected "/);
      await expect(load('m_missing.pth')).rejects.toThrow(/missing "/);
      await expect(
        loadModel({ weights: `${GOLDEN}checkpoints/m_model.pth`, model: 'recnext_a0' }),
      ).rejects.toThrow(
        /do not fit recnext_a0: .*shape.*missing.*unexpected.*look like the weights of recnext_m0 with 10 classes/,
      );
      await expect(
        loadModel({ weights: `${GOLDEN}checkpoints/m_other_classes.pth`, numClasses: 10 }),
      ).rejects.toThrow(/has 7 classes, --num-classes says 10/);
    });
  });
});

describeBackends(['node', 'wasm', 'cpu'], 'converting', () => {
  async function tinyFile(): Promise<string> {
    const model = new RecNext(resolveRecNext('recnext_m0', TINY));
    const path = join(folder, 'tiny.safetensors');
    await writeSafetensors(path, model.stateDict());
    model.dispose();
    return path;
  }

  it('writes a LayersModel that tf.loadLayersModel reads, fused, without leaks', async () => {
    const weights = await tinyFile();
    const before = tf.memory().numTensors;
    const output = join(folder, 'tfjs');
    const result = await convertCheckpoint({
      weights,
      output,
      fuse: 'full',
      imgSize: 32,
      classNames: digits(),
    });
    expect(result).toMatchObject({ model: 'recnext_m0', numClasses: 10, fused: 'full' });
    expect(result.maxRelDiff).toBeLessThan(1e-5);
    expect(tf.memory().numTensors).toBe(before);

    const json = JSON.parse(readFileSync(join(output, 'model.json'), 'utf8')) as tf.io.ModelJSON;
    const data = json.weightsManifest.flatMap(({ paths }) =>
      paths.map((path) => readFileSync(join(output, path))),
    );
    const stock = await tf.loadLayersModel(
      tf.io.fromMemory({
        modelTopology: json.modelTopology as object,
        weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
        weightData: Uint8Array.from(Buffer.concat(data)).buffer,
      }),
    );
    const { model, classNames } = await loadModel({ weights: output });
    expect(classNames).toEqual(digits());
    const x = tf.randomNormal<tf.Rank.R4>([2, 32, 48, 3], 0, 1, 'float32', 3);
    const [ours, theirs] = [model.forward(x), stock.predict(x) as tf.Tensor].map((y) =>
      y.dataSync<'float32'>(),
    );
    expect(theirs).toEqual(ours);
    expect(stock.weights.map(({ originalName }) => originalName)).toContain(
      'stages.0.blocks.0.token_mixer.down.weight',
    );
    expect(stock.weights.some(({ originalName }) => originalName.includes('norm'))).toBe(false);
  });

  it('keeps the unfused model trainable and bit-equal through every form', async () => {
    const weights = await tinyFile();
    for (const to of ['layers', 'safetensors', 'pth'] as const) {
      const output = join(folder, to);
      const result = await convertCheckpoint({ weights, output, to, imgSize: 32 });
      expect(result).toMatchObject({ fused: 'none', maxAbsDiff: 0 });
      const [a, b] = [await loadModel({ weights }), await loadModel({ weights: output })];
      expect([...b.model.stateDict()]).toEqual([...a.model.stateDict()]);
      a.model.dispose();
      b.model.dispose();
    }
  });
});

describeBackends(['cpu'], 'converting without a comparison', () => {
  it.each(['layers', 'safetensors', 'pth'] as const)('%s: writes the same bytes', async (to) => {
    const model = new RecNext(resolveRecNext('recnext_t_share_channel', { ...T_SHARE }));
    const weights = join(folder, 'w.safetensors');
    await writeSafetensors(weights, model.stateDict());
    model.dispose();
    const [checked, unchecked] = [join(folder, 'checked'), join(folder, 'unchecked')];
    await convertCheckpoint({ weights, output: checked, to, fuse: 'full', imgSize: 64 });
    const before = tf.memory().numTensors;
    const options = { weights, output: unchecked, to, fuse: 'full', imgSize: 64, verify: false } as const;
    expect(await convertCheckpoint(options)).toMatchObject({
      maxAbsDiff: null,
      maxRelDiff: null,
      fused: 'full',
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(readdirSync(unchecked)).toEqual(readdirSync(checked));
    for (const file of readdirSync(checked)) {
      expect(readFileSync(join(unchecked, file)).equals(readFileSync(join(checked, file))), file).toBe(true);
    }
  });
});

describeBackends(['cpu'], 'hostile and damaged weights', () => {
  async function saved(change: (state: StateDict) => StateDict): Promise<string> {
    const model = new RecNext(resolveRecNext('recnext_m0', TINY));
    const path = join(folder, 'changed.safetensors');
    await writeSafetensors(path, change(model.stateDict()));
    model.dispose();
    return path;
  }

  it('with a block number far out are refused, not built', async () => {
    const weights = await saved(
      (state) =>
        new Map(
          [...state].map(([name, t]) => [
            name.replace('stages.3.blocks.0.', 'stages.3.blocks.900000000.'),
            t,
          ]),
        ),
    );
    await expect(loadModel({ weights })).rejects.toThrow(UserError);
  });

  it('with NaN or Inf are refused by name', async () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      const weights = await saved((state) => {
        (state.get('stages.1.downsample.norm.bias')!.data as Float32Array)[3] = value;
        return state;
      });
      await expect(loadModel({ weights })).rejects.toThrow(
        /holds NaN or Inf in stages\.1\.downsample\.norm\.bias:/,
      );
    }
  });

  it.each([
    ['huge widths', { dims: [1e6, 2e6, 4e6, 8e6] }],
    ['endless depth', { depths: [1e9, 1, 1, 1] }],
    ['no widths', { dims: [] }],
    ['broken widths', { dims: [40.5, 81, 162, 324] }],
    ['no image', { imgSize: [0, 0] }],
    ['no channels', { inChans: 0 }],
    ['another model', { depths: [2, 1, 2, 1] }],
  ])('a model.json with %s is refused in one line', async (_, edit) => {
    const output = join(folder, 'tfjs');
    await convertCheckpoint({ weights: await saved((state) => state), output, imgSize: 32, verify: false });
    const file = join(output, 'model.json');
    const json = JSON.parse(readFileSync(file, 'utf8')) as {
      userDefinedMetadata: { recnext: { config: object } };
    };
    Object.assign(json.userDefinedMetadata.recnext.config, edit);
    writeFileSync(file, JSON.stringify(json));
    const error = await loadModel({ weights: output }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).not.toContain('\n');
  });

  it('that are fused fully stay as they are when fusing is asked for again', async () => {
    const weights = await saved((state) => state);
    const [once, twice] = [join(folder, 'once'), join(folder, 'twice')];
    await convertCheckpoint({ weights, output: once, fuse: 'full', imgSize: 32 });
    const { fused, maxAbsDiff } = await convertCheckpoint({ weights: once, output: twice, fuse: 'full' });
    expect({ fused, maxAbsDiff }).toEqual({ fused: 'full', maxAbsDiff: 0 });
  });

  it('leave no tensors behind', async () => {
    const weights = await saved((state) => state);
    const output = join(folder, 'full');
    await convertCheckpoint({ weights, output, fuse: 'full', imgSize: 32 });
    const before = tf.memory().numTensors;
    await expect(loadModel({ weights: output, model: 'recnext_m1' })).rejects.toThrow(/holds recnext_m0/);
    await expect(
      convertCheckpoint({ weights: output, output: join(folder, 'x'), fuse: 'reference' }),
    ).rejects.toThrow(/fused already/);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describeBackends(['cpu'], 'other channels', () => {
  it('are converted from a checkpoint and from a LayersModel alike', async () => {
    const model = new RecNext(resolveRecNext('recnext_m0', TINY));
    const weights = join(folder, 'w.safetensors');
    await writeSafetensors(weights, model.stateDict());
    model.dispose();
    const output = join(folder, 'tfjs');
    await convertCheckpoint({ weights, output, imgSize: 32 });
    const [a, b] = [
      await loadModel({ weights, inChans: 1 }),
      await loadModel({ weights: output, inChans: 1 }),
    ];
    expect(a.model.inChans).toBe(1);
    expect([...b.model.stateDict()]).toEqual([...a.model.stateDict()]);
    a.model.dispose();
    b.model.dispose();
  });
});

describeBackends(['cpu'], 'preprocessing', () => {
  it('comes from config.json, stays through every form, and what is not known is said', async () => {
    const model = new RecNext(resolveRecNext('recnext_m0', TINY));
    const source = join(folder, 'timm');
    mkdirSync(source);
    await writeSafetensors(join(source, 'model.safetensors'), model.stateDict());
    model.dispose();
    const cfg = {
      input_size: [3, 40, 48],
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
      interpolation: 'bilinear',
      crop_pct: 1,
    };
    const write = (more: object): void => {
      writeFileSync(join(source, 'config.json'), JSON.stringify({ pretrained_cfg: { ...cfg, ...more } }));
    };
    write({ crop_mode: 'squash' });
    const expected = {
      inputSize: [3, 40, 48],
      mean: cfg.mean,
      std: cfg.std,
      interpolation: 'bilinear',
      cropPct: 1,
      cropMode: 'squash',
    };
    for (const to of ['layers', 'safetensors'] as const) {
      const output = join(folder, to);
      await convertCheckpoint({ weights: source, output, to, fuse: 'full' });
      const { model: read } = await loadModel({ weights: output });
      expect(read.dataConfig).toEqual(expected);
      read.dispose();
    }
    write({ crop_mode: 'random', std: [0, 1, 1] });
    const { model: other, notes } = await loadModel({ weights: source });
    expect(other.dataConfig).toMatchObject({ cropMode: 'center', std: [0.229, 0.224, 0.225] });
    expect(notes.join('\n')).toMatch(
      /config\.json asks for std \[0,1,1\], which is not known.*\n.*crop_mode "random"/,
    );
    other.dispose();
  });
});

describeBackends(['cpu'], 'a smaller LayersModel', () => {
  it.each([
    ['float16', 2, 3e-3],
    ['uint16', 2, 1e-3],
    ['uint8', 4, 0.2],
  ] as const)('%s: fewer bytes, stock TF.js widens them', async (quantize, times, off) => {
    const model = new RecNext(resolveRecNext('recnext_m0', { ...TINY, embedDim: [16, 32, 64, 128] }));
    const weights = join(folder, 'w.safetensors');
    await writeSafetensors(weights, model.stateDict());
    model.dispose();
    const [plain, small] = [join(folder, 'plain'), join(folder, 'small')];
    const whole = await convertCheckpoint({ weights, output: plain, fuse: 'full', imgSize: 32 });
    const result = await convertCheckpoint({
      weights,
      output: small,
      fuse: 'full',
      imgSize: 32,
      quantize,
      shardBytes: 50_000,
    });
    expect(whole.bytes / result.bytes).toBeGreaterThan(times * 0.8);
    expect(result.maxRelDiff).toBeGreaterThan(whole.maxRelDiff!);
    expect(result.maxRelDiff).toBeLessThan(off);
    const shards = readdirSync(small).filter((file) => file.endsWith('.bin'));
    expect(shards.length).toBeGreaterThan(3);
    const json = JSON.parse(readFileSync(join(small, 'model.json'), 'utf8')) as tf.io.ModelJSON;
    const data = json.weightsManifest.flatMap(({ paths }) =>
      paths.map((path) => readFileSync(join(small, path))),
    );
    const stock = tf.io.decodeWeights(
      Uint8Array.from(Buffer.concat(data)).buffer,
      json.weightsManifest.flatMap((group) => group.weights),
    );
    const { model: ours } = await loadModel({ weights: small });
    for (const [name, variable] of ours.parameters)
      expect(variable.dataSync(), name).toEqual(stock[name]!.dataSync());
  });

  it('rounds to half precision as IEEE 754 says', () => {
    const cases: [number, number][] = [
      [0, 0],
      [-0, 0x8000],
      [1, 0x3c00],
      [-2, 0xc000],
      [65504, 0x7bff],
      [65519, 0x7bff],
      [65520, 0x7c00],
      [2 ** -14, 0x0400],
      [2 ** -24, 0x0001],
      [2 ** -25, 0x0000],
      [1.5 * 2 ** -24, 0x0002],
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
      [2047 * 2 ** -25, 0x0400],
      [Infinity, 0x7c00],
      [NaN, 0x7e00],
    ];
    for (const [value, bits] of cases) expect(float16Bits(value), String(value)).toBe(bits);
  });

  it('rounds to bfloat16 to nearest, ties to even', () => {
    const cases: [number, number][] = [
      [0, 0],
      [-0, 0x8000],
      [1, 0x3f80],
      [-2, 0xc000],
      [1 + 2 ** -8, 0x3f80],
      [1 + 3 * 2 ** -8, 0x3f82],
      [1 + 2 ** -8 + 2 ** -20, 0x3f81],
      [2 ** -133, 0x0001],
      [2 ** -134, 0x0000],
      [3.3895313892515355e38, 0x7f7f],
      [3.4e38, 0x7f80],
      [-Infinity, 0xff80],
      [NaN, 0x7fc0],
    ];
    for (const [value, bits] of cases) expect(bfloat16Bits(value), String(value)).toBe(bits);
  });

  it('refuses a weight that would become infinite, by name', async () => {
    const model = new RecNext(resolveRecNext('recnext_m0', TINY));
    const state = model.stateDict();
    model.dispose();
    state.get('stem.stem.0.conv.weight')!.data[0] = 70_000;
    const weights = join(folder, 'large.safetensors');
    await writeSafetensors(weights, state);
    for (const to of ['layers', 'pth', 'safetensors'] as const) {
      const convert = convertCheckpoint({
        weights,
        output: join(folder, to),
        to,
        quantize: 'float16',
        imgSize: 32,
      });
      await expect(convert).rejects.toThrow(
        /stem\.stem\.0\.conv\.weight: 70000 does not fit into float16, whose largest number is 65504/,
      );
      expect(existsSync(join(folder, to))).toBe(false);
    }
  });

  it('goes into a folder for a model hub, with a card of what was measured', async () => {
    const model = new RecNext(resolveRecNext('recnext_m0', TINY));
    const weights = join(folder, 'w.safetensors');
    await writeSafetensors(weights, model.stateDict());
    model.dispose();
    const output = join(folder, 'hub');
    const before = tf.memory().numTensors;
    const result = await convertCheckpoint({
      weights,
      output,
      to: 'hub',
      quantize: 'float16',
      imgSize: 32,
      classNames: digits(),
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(readdirSync(output).sort()).toEqual([
      'README.md',
      'classes.txt',
      'config.json',
      'model.safetensors',
      'tfjs',
    ]);
    expect(result.files.map((file) => file.slice(output.length + 1))).toContain(join('tfjs', 'model.json'));
    const card = readFileSync(join(output, 'README.md'), 'utf8');
    expect(card).toMatch(/^---\ntags:\n {2}- image-classification\n/);
    expect(card).toMatch(/\| `model\.safetensors` \| .* \| 23,822 \| 0\.1 MB \| 0\.0e\+0 \|/);
    const fused = /\| `tfjs\/` \| .* \| ([\d,]+) \| 0\.\d MB \| (\d\.\de-\d) \|/.exec(card)!;
    expect(Number(fused[1]!.replace(',', ''))).toBeLessThan(23_822);
    expect(Number(fused[2])).toBeGreaterThan(1e-6);
    expect(card).toMatch(/0 0, 1 1, 2 2, /);
    const { model: again, classNames } = await loadModel({ weights: output });
    expect(classNames).toEqual(digits());
    expect(again.numClasses).toBe(10);
    again.dispose();
    const { model: web } = await loadModel({ weights: join(output, 'tfjs') });
    expect([...web.parameters.keys()].some((name) => name.includes('norm'))).toBe(false);
    web.dispose();
    await expect(convertCheckpoint({ weights, output, to: 'hub' })).rejects.toThrow(
      /holds a folder for a model hub, whose card may have been edited/,
    );
  });

  it.each([
    [{ to: 'pth', quantize: 'uint8' }, /--to pth takes --quantize float16, bfloat16, found uint8/],
    [{ to: 'layers', quantize: 'bfloat16' }, /--to layers takes --quantize float16, uint8, uint16, found bf/],
    [
      { to: 'safetensors', shardBytes: 1 },
      /--shard-size is for --to layers, hub, graph, found --to safetensors/,
    ],
  ] as const)('is only what its format knows: %o', async (options, message) => {
    const convert = convertCheckpoint({ weights: 'x', output: join(folder, 'o'), ...options });
    await expect(convert).rejects.toThrow(message);
  });
});

describeBackends(['cpu'], 'converting, when something is wrong', () => {
  it('refuses a folder with other files, and NaN weights, and leaves nothing behind', async () => {
    const model = new RecNext(resolveRecNext('recnext_m0', TINY));
    const state = model.stateDict();
    model.dispose();
    const weights = join(folder, 'nan.safetensors');
    state.get('stem.stem.0.conv.weight')!.data[0] = NaN;
    await writeSafetensors(weights, state);
    await expect(convertCheckpoint({ weights, output: join(folder, 'out'), imgSize: 32 })).rejects.toThrow(
      /NaN/,
    );
    expect(readdirSync(folder)).toEqual(['nan.safetensors']);
    writeFileSync(join(folder, 'letter.txt'), 'dear');
    await expect(convertCheckpoint({ weights, output: folder })).rejects.toThrow(/holds "/);
    expect(existsSync(join(folder, 'letter.txt'))).toBe(true);
  });

  it('says which class names do not fit', async () => {
    const model = new RecNext(resolveRecNext('recnext_m0', TINY));
    const weights = join(folder, 'tiny.safetensors');
    await writeSafetensors(weights, model.stateDict());
    model.dispose();
    const output = join(folder, 'out');
    await expect(convertCheckpoint({ weights, output, classNames: ['a', 'b'] })).rejects.toThrow(
      /2 class names for 10 classes/,
    );
  });
});

function digits(): string[] {
  return Array.from({ length: 10 }, (_, i) => String(i));
}
