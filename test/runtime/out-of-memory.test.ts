import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.js';
import { peakBytes } from '../../src/graph/memory.js';
import { UserError } from '../../src/errors.js';
import { freeBytes } from '../../src/runtime/free-memory.js';
import { fittingBatch, isOutOfMemory, memoryWarning, outOfMemory } from '../../src/runtime/out-of-memory.js';
import { MemoryGuard } from '../../src/runtime/engines/memory-guard.js';
import { TensorFlowError } from '../../src/runtime/tensorflow/index.js';
import { hasTensorFlow, NO_TENSORFLOW } from '../helpers/libtensorflow.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const;

describe('the memory of a graph', () => {
  /** images → Relu → Neg → Reshape → sum of both; the first is given up once the second is there. */
  function chain(batch: number): Graph {
    const graph = new Graph();
    const x = graph.one('Input', { name: 'images' }, [], float(batch, 10));
    const a = graph.one('Relu', {}, [x], float(batch, 10));
    const b = graph.one('Neg', {}, [a], float(batch, 10));
    const c = graph.one('Reshape', { shape: [-1, 5] }, [b], float(batch, 5, 2));
    const d = graph.one('Exp', {}, [c], float(batch, 5, 2));
    graph.outputs.set('y', graph.one('Add', {}, [d, c], float(batch, 5, 2)));
    return graph;
  }

  it('is that of the tensors that are alive at one time', () => {
    // At the Add: b, which its reshape is, d and the sum; x and a are gone.
    expect(peakBytes(chain(3))).toBe(3 * 3 * 10 * 4);
  });

  it('grows with an open batch', () => {
    expect(peakBytes(chain(-1), 7)).toBe(3 * 7 * 10 * 4);
  });

  it('leaves out variables and constants', () => {
    const graph = new Graph();
    const weight = graph.one('Variable', { name: 'w' }, [], float(1000));
    graph.outputs.set('y', graph.one('Sum', { axes: [0], keepDims: false }, [weight], float()));
    expect(peakBytes(graph)).toBe(4);
  });
});

describe('a batch that is too large', () => {
  const need = { batch: 512, height: 224, width: 224, bytesOf: (b: number) => 1e9 + b * 1e7, free: 4e9 };

  it('is told with one that fits, an even one', () => {
    // 0.9 × 4 GB less 1 GB, by 10 MB.
    expect(fittingBatch(need)).toBe(260);
    const error = outOfMemory(need);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe(
      'out of memory: a batch of 512 images of 224×224 takes about 6.12 GB, 4.00 GB are free. --batch-size 260 would fit.',
    );
  });

  it('that should have fitted is halved', () => {
    expect(outOfMemory({ ...need, batch: 202 }).message).toMatch(/--batch-size 100 would fit/);
  });

  it('of which not one image fits is the fault of something else', () => {
    expect(outOfMemory({ ...need, free: 1e9 }).message).toMatch(/Not even one image fits: .*--model/);
  });

  it('on a device whose memory nobody knows is to be halved', () => {
    expect(outOfMemory({ ...need, free: undefined }).message).toMatch(/Halve --batch-size/);
  });

  it('is warned of before, and only then', () => {
    expect(memoryWarning(need)).toMatch(/^memory may not be enough.* --batch-size 260 would fit\.$/);
    expect(memoryWarning({ ...need, batch: 250 })).toBeUndefined();
  });

  it.each([
    [new TensorFlowError('RESOURCE_EXHAUSTED', 'running the graph: no luck'), true],
    [new Error('Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[512]'), true],
    [new Error('Failed to allocate memory for requested buffer of size 822083584'), true],
    [new RangeError('Array buffer allocation failed'), true],
    [new Error('Operation received an exception:Status: 1, message: could not create a primitive'), true],
    [new TensorFlowError('INVALID_ARGUMENT', 'running the graph: shapes differ'), false],
    [new Error('the room is out of order'), false],
  ])('is known by what libraries say: %s', (error, expected) => expect(isOutOfMemory(error)).toBe(expected));

  it('is explained once, and other errors pass', async () => {
    const graph = new Graph();
    graph.outputs.set('y', graph.one('Input', { name: 'images' }, [], float(-1, 64, 64, 3)));
    const lines: string[] = [];
    const guard = new MemoryGuard({
      engine: 'tensorflow',
      purpose: 'inference',
      graphOf: () => graph,
      warn: (line) => lines.push(line),
    });
    const shape = [8, 64, 64, 3] as const;
    const fails = (error: Error) => guard.run(shape, () => Promise.reject(error));
    await expect(fails(new TensorFlowError('RESOURCE_EXHAUSTED', 'OOM'))).rejects.toThrow(
      /^out of memory: a batch of 8 images of 64×64 .* --batch-size 4 would fit\.$/,
    );
    await expect(fails(new Error('something else'))).rejects.toThrow('something else');
    expect(lines).toEqual([]);
  });
});

const limited = (kilobytes: number, ...args: string[]) =>
  spawnSync('sh', ['-c', `ulimit -v ${kilobytes}; exec "$0" "$@"`, process.execPath, main, ...args], {
    encoding: 'utf8',
  });
const suggested = (text: string) => /--batch-size (\d+) would fit/.exec(text)?.[1];

describe.skipIf(process.platform !== 'linux')('a process with little memory', { timeout: 240_000 }, () => {
  it('knows what its limit leaves', () => {
    const script = `import(${JSON.stringify(new URL('../../dist/src/runtime/free-memory.js', import.meta.url).href)}).then(({freeBytes}) => console.log(freeBytes()))`;
    const { stdout } = spawnSync(
      'sh',
      ['-c', 'ulimit -v 3000000; exec "$0" -e "$1"', process.execPath, script],
      { encoding: 'utf8' },
    );
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout)).toBeLessThan(Math.min(3e9, freeBytes()));
  });

  // TensorFlow, onnxruntime and TF.js really run out of memory here, and the batch that is named really fits.
  it.skipIf(!hasTensorFlow).each([
    ['tensorflow', 3_200_000],
    ['onnx', 2_300_000],
    ['eager', 3_400_000],
  ] as const)(`says on %s which batch would fit, and that one does${NO_TENSORFLOW}`, (engine, kilobytes) => {
    const bench = (batch: string) =>
      limited(
        kilobytes,
        ...['bench', '--model', 'recnext_m0', '--random-weights', '--engine', engine, '--batch-size', batch],
        ...['--rounds', '1', '--seconds', '0', '--warmup', '1', '--json', '--quiet'],
      );
    const failed = bench('512');
    expect(failed.status).toBe(1);
    expect(failed.stderr.trim().split('\n')).toHaveLength(1);
    expect(failed.stderr).toMatch(/^error: .*a batch of 512 images of 224×224 takes about .* are free\./);
    const fits = suggested(failed.stderr);
    expect(Number(fits)).toBeGreaterThan(8);
    const { status, stdout } = bench(fits!);
    expect(status).toBe(0);
    expect((JSON.parse(stdout) as { batchSize: number }).batchSize).toBe(Number(fits));
  });

  it.skipIf(!hasTensorFlow)(`says of a training step which batch would fit${NO_TENSORFLOW}`, () => {
    const failed = limited(
      5_000_000,
      ...['bench', '--mode', 'train', '--model', 'recnext_m0', '--random-weights', '--engine', 'tensorflow'],
      ...['--batch-size', '256', '--rounds', '1', '--seconds', '0', '--warmup', '1', '--json'],
    );
    // Before the step, which the native library may not outlive; and after it.
    expect(failed.stderr).toMatch(/^memory may not be enough.*a batch of 256 images of 224×224/m);
    expect(failed.stderr).toMatch(/^error: .*a batch of 256 images of 224×224 takes about/m);
    expect(failed.status).toBe(1);
    expect(Number(suggested(failed.stderr))).toBeGreaterThan(8);
    expect(Number(suggested(failed.stderr))).toBeLessThan(100);
  });
});
