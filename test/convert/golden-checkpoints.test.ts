import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/convert/files.js';
import { selectWeights } from '../../src/convert/read/containers.js';
import { MemoryBudget } from '../../src/convert/read/memory-budget.js';
import type { ForeignObject, PickleValue } from '../../src/convert/read/pickle/values.js';
import type { TensorRef } from '../../src/convert/read/tensor-ref.js';
import { readTorchZip } from '../../src/convert/read/torch-zip.js';
import { bufferSource } from '../../src/convert/source/byte-source.js';
import type { StateDict } from '../../src/models/state-dict.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { syntheticStateDict } from '../helpers/synthetic.js';

type Layout = [string, number[]][];
interface Index {
  models: Record<string, { state_dict: Layout; state_dict_fused: Layout }>;
  files: Record<
    string,
    {
      model: string;
      fused?: boolean;
      missing?: string[];
      unexpected?: string[];
      strides?: Record<string, number[]>;
    }
  >;
}

const FOLDER = join(GOLDEN, 'checkpoints');
const index = (): Index => JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8')) as Index;
const names = hasGolden ? Object.keys(index().files) : [];

/** Rounds to the nearest value with `bits` bits of significand, ties to even: float16 has 11, bfloat16 has 8. */
function rounded(x: number, bits: number, least: number): number {
  if (x === 0) return x;
  const unit = 2 ** Math.max(Math.floor(Math.log2(Math.abs(x))) - bits + 1, least);
  const q = x / unit;
  const floor = Math.floor(q);
  const up = q - floor > 0.5 || (q - floor === 0.5 && floor % 2 !== 0);
  return (up ? floor + 1 : floor) * unit;
}

/** What each stored type makes of a float32 weight. */
const STORED: Record<string, (x: number) => number> = {
  fp16: (x) => rounded(x, 11, -24),
  bf16: (x) => rounded(x, 8, -133),
};

const bytes = ({ data }: { data: ArrayBufferView }): Buffer =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function expectSame(actual: StateDict, expected: StateDict): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, tensor] of expected) {
    const read = actual.get(name)!;
    expect(read.shape, name).toEqual(tensor.shape);
    expect(read.data.constructor.name, name).toBe(tensor.data.constructor.name);
    expect(bytes(read).equals(bytes(tensor)), `${name}: values`).toBe(true);
  }
}

describe.skipIf(!hasGolden)(`reference checkpoints${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`, () => {
  it('are all listed, so that none goes unread', () => {
    const present = readdirSync(FOLDER).filter((file) => !/\.(json|f32)$/.test(file));
    expect(names.toSorted()).toEqual(present.toSorted());
  });

  const unfused = names.filter(
    (name) => hasGolden && !index().files[name]!.fused && name !== 'm_training.pth',
  );
  it.each(unfused)('%s gives the reference weights bit for bit', async (name) => {
    const { files, models } = index();
    const about = files[name]!;
    let layout = models[about.model]!.state_dict;
    // Its heads have seven classes and are zero.
    if (name === 'm_other_classes.pth')
      layout = layout.map(([key, shape]) => [key, key.includes('linear') ? [7, ...shape.slice(1)] : shape]);
    const expected = syntheticStateDict(layout.filter(([key]) => !about.missing?.includes(key)));
    const narrow = Object.entries(STORED).find(([type]) => name.includes(type))?.[1];
    for (const [key, tensor] of expected) {
      if (!(tensor.data instanceof Float32Array)) continue;
      if (name === 'm_other_classes.pth' && key.includes('linear')) tensor.data.fill(0);
      if (narrow) expected.set(key, { ...tensor, data: tensor.data.map(narrow) });
      if (name === 'm_f64.pth') expected.set(key, { ...tensor, data: Float64Array.from(tensor.data) });
    }
    const checkpoint = await openCheckpoint(join(FOLDER, name));
    const extra = [...checkpoint.tensors.keys()].filter((key) => !expected.has(key));
    expect(extra).toEqual(about.unexpected ?? []);
    // safetensors files are written in order of names.
    const order = [...checkpoint.tensors.keys()].filter((key) => expected.has(key));
    if (checkpoint.format !== 'safetensors') expect(order).toEqual([...expected.keys()]);
    const sorted = new Map(order.map((key) => [key, expected.get(key)!]));
    expect(sorted.size).toBe(expected.size);
    expectSame(new Map(order.map((key) => [key, checkpoint.tensors.get(key)!])), sorted);
    const type = name.includes('fp16')
      ? 'float16'
      : name.includes('bf16')
        ? 'bfloat16'
        : name.includes('f64')
          ? 'float64'
          : 'float32';
    expect(checkpoint.tensors.get('head.head.linear.weight')?.type).toBe(type);
  });

  const fused = names.filter((name) => hasGolden && index().files[name]!.fused);
  it.each(fused)('%s has the fused layout, and weights that are the folded ones', async (name) => {
    const { files, models } = index();
    const model = models[files[name]!.model]!;
    const { tensors } = await openCheckpoint(join(FOLDER, name));
    const layout = new Map([...tensors].map(([key, { shape }]) => [key, shape]));
    expect(layout).toEqual(new Map(model.state_dict_fused));
    // The stem's first convolution, folded here by the formula itself.
    const source = syntheticStateDict(model.state_dict);
    const get = (key: string): Float32Array => source.get(`stem.stem.0.${key}`)!.data as Float32Array;
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((key) =>
      get(`norm.${key}`),
    );
    const kernel = get('conv.weight');
    const perChannel = kernel.length / gamma!.length;
    const convBias = source.get('stem.stem.0.conv.bias')?.data as Float32Array | undefined;
    const weight = tensors.get('stem.stem.0.weight')!.data;
    const bias = tensors.get('stem.stem.0.bias')!.data;
    gamma!.forEach((g, c) => {
      const scale = g / Math.sqrt(variance![c]! + 1e-5);
      expect(bias[c]).toBeCloseTo(beta![c]! + ((convBias?.[c] ?? 0) - mean![c]!) * scale, 6);
      for (let i = c * perChannel; i < (c + 1) * perChannel; i++)
        expect(weight[i]).toBeCloseTo(kernel[i]! * scale, 6);
    });
  });

  it('scripted and traced archives hold the same numbers as the fused safetensors file', async () => {
    for (const [archive, plain] of [
      ['m_scripted.pt', 'm_fused.safetensors'],
      ['m_traced.pt', 'm_fused.safetensors'],
      ['a_scripted.pt', 'a_fused.safetensors'],
    ] as const) {
      const scripted = await openCheckpoint(join(FOLDER, archive));
      const { tensors } = await openCheckpoint(join(FOLDER, plain));
      expect(scripted.format).toBe('torchscript');
      expectSame(
        scripted.tensors,
        new Map([...scripted.tensors.keys()].map((key) => [key, tensors.get(key)!])),
      );
    }
  });

  it('m_views.pth: the tensors are the strided windows that the index lists', async () => {
    const source = bufferSource(readFileSync(join(FOLDER, 'm_views.pth')), 'm_views.pth');
    const { value } = await readTorchZip(source, new MemoryBudget(source.name, source.size));
    const { named } = selectWeights(value, undefined, source.name);
    expect(Object.fromEntries(named.map(([key, { strides }]) => [key, strides]))).toEqual(
      index().files['m_views.pth']!.strides,
    );
    expect(new Set(named.map(([, { storage }]) => storage)).size).toBeLessThan(named.length);
  });

  it('takes the prefix off m_module_prefix.pth and says so', async () => {
    const { notes } = await openCheckpoint(join(FOLDER, 'm_module_prefix.pth'));
    expect(notes.join('\n')).toContain('prefix "module." removed');
  });

  it('reads both formats of the timm folder, and its config', async () => {
    const folder = await openCheckpoint(join(FOLDER, 'm_hf'));
    const pickled = await openCheckpoint(join(FOLDER, 'm_hf', 'pytorch_model.bin'));
    expect(folder.format).toBe('safetensors');
    expect((folder.config as { architecture: string }).architecture).toBe('recnext_m0');
    expectSame(
      folder.tensors,
      new Map([...folder.tensors.keys()].map((key) => [key, pickled.tensors.get(key)!])),
    );
    expect(pickled.tensors.size).toBe(folder.tensors.size);
  });

  describe('the training checkpoint', () => {
    const path = join(FOLDER, 'm_training.pth');
    const about = (): {
      epoch: number;
      args: Record<string, unknown>;
      optimizer_samples: Record<
        string,
        { id: number; step: number; exp_avg: { shape: number[]; value: number[] } }
      >;
    } => JSON.parse(readFileSync(join(FOLDER, 'm_training.json'), 'utf8')) as ReturnType<typeof about>;
    const dict = (value: PickleValue | undefined): Map<PickleValue, PickleValue> => {
      expect(value).toBeInstanceOf(Map);
      return value as Map<PickleValue, PickleValue>;
    };

    it('gives the model by default and the moving average on request, saying which', async () => {
      const model = await openCheckpoint(path);
      const ema = await openCheckpoint(path, { which: 'ema' });
      const layout = new Map(index().models['m']!.state_dict);
      for (const { tensors } of [model, ema])
        expect(new Map([...tensors].map(([key, { shape }]) => [key, shape]))).toEqual(layout);
      expect(model.notes[0]).toContain('"model"');
      expect(model.notes[0]).toContain('model_ema');
      expect(ema.notes[0]).toContain('"model_ema"');
      const key = 'head.head.linear.weight';
      expect(bytes(model.tensors.get(key)!).equals(bytes(ema.tensors.get(key)!))).toBe(false);
    });

    it('carries epoch, args and optimizer state as data', async () => {
      const { extras, notes } = await openCheckpoint(path);
      const expected = about();
      expect(extras.get('epoch')).toBe(expected.epoch);
      const args = extras.get('args') as ForeignObject;
      expect(args.className).toBe('argparse.Namespace');
      expect(Object.fromEntries(dict(args.state))).toMatchObject(
        Object.fromEntries(Object.entries(expected.args).filter(([, value]) => typeof value !== 'object')),
      );
      expect(notes.join('\n')).toContain('argparse.Namespace');
      const state = dict(dict(extras.get('optimizer')).get('state'));
      let compared = 0;
      for (const { id, step, exp_avg: moment } of Object.values(expected.optimizer_samples)) {
        const entry = dict(state.get(id));
        const average = await (entry.get('exp_avg') as TensorRef).read();
        expect((await (entry.get('step') as TensorRef).read()).data[0]).toBe(step);
        expect(average.shape).toEqual(moment.shape);
        if (average.data.length !== moment.value.length) continue;
        expect([...(average.data as Float32Array)]).toEqual(moment.value.map(Math.fround));
        compared++;
      }
      expect(compared).toBeGreaterThan(0);
    });

    it('names what there is when asked for weights it lacks', async () => {
      await expect(openCheckpoint(path, { which: 'modle' })).rejects.toThrow(
        /no weights called "modle"; it has model, model_ema\. Did you mean "model"/,
      );
    });
  });
});
