import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { UsageError, UserError } from '../../src/errors.js';
import {
  alignedFloat32,
  listDevices,
  TensorFlowError,
  TensorFlowSession,
  tensorflowVersion,
  type HostArray,
  type SessionOptions,
} from '../../src/runtime/tensorflow/index.js';
import { isAligned } from '../../src/runtime/tensorflow/host-array.js';
import { hasTensorFlow, NO_TENSORFLOW } from '../helpers/libtensorflow.js';
import {
  constant,
  floatOp,
  FLOAT,
  INT32,
  placeholder,
  tinyGraph,
  variable,
  type TinyNode,
} from '../helpers/tiny-graph.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const float = (values: ArrayLike<number>, shape = [values.length]): HostArray => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

const aligned = (values: ArrayLike<number>): HostArray => {
  const data = alignedFloat32(values.length);
  data.set(values);
  return { dtype: 'float32', shape: [values.length], data };
};

const feeds = (arrays: Record<string, HostArray>) => new Map(Object.entries(arrays));
const NOTHING: ReadonlyMap<string, HostArray> = new Map();

describe.skipIf(!hasTensorFlow)(`a session of libtensorflow${NO_TENSORFLOW}`, () => {
  const open: TensorFlowSession[] = [];
  const session = async (nodes: readonly TinyNode[], options?: SessionOptions) => {
    const made = await TensorFlowSession.open(tinyGraph(nodes), options);
    open.push(made);
    return made;
  };
  afterEach(() => {
    for (const made of open.splice(0)) made.dispose();
  });

  const adding = [placeholder('x'), placeholder('y'), floatOp('sum', 'AddV2', 'x', 'y')];

  it('adds, and gives shapes and types back', async () => {
    const it = await session([
      ...adding,
      { name: 'shape', op: 'Shape', input: ['sum'], attr: { T: { type: FLOAT }, out_type: { type: INT32 } } },
    ]);
    const [sum, shape] = await it.run({
      feeds: feeds({ x: float([1, 2, 3, 4, 5, 6], [2, 3]), y: float([10, 20, 30]) }),
      fetches: ['sum', 'shape:0'],
    });
    expect(sum).toEqual(float([11, 22, 33, 14, 25, 36], [2, 3]));
    expect(shape).toEqual({ dtype: 'int32', shape: [2], data: Int32Array.of(2, 3) });
  });

  it('takes scalars and empty arrays', async () => {
    const it = await session(adding);
    const run = (x: HostArray, y: HostArray) => it.run({ feeds: feeds({ x, y }), fetches: ['sum'] });
    expect(await run(float([1], []), float([2], []))).toEqual([float([3], [])]);
    expect(await run(float([], [0, 3]), float([1, 2, 3]))).toEqual([float([], [0, 3])]);
  });

  it.each([
    ['float64', 2, Float64Array.of(1.5, -2)],
    ['int32', 3, Int32Array.of(7, -2)],
    ['uint8', 4, Uint8Array.of(255, 1)],
    ['int64', 9, BigInt64Array.of(-5n, 2n ** 60n)],
    ['bool', 10, Uint8Array.of(1, 0)],
    ['bfloat16', 14, Uint16Array.of(0x3f80, 0xc000)],
    ['float16', 19, Uint16Array.of(0x3c00, 0xc000)],
  ] as const)('carries %s there and back', async (dtype, code, data) => {
    const it = await session([
      placeholder('x', code),
      { name: 'y', op: 'Identity', input: ['x'], attr: { T: { type: code } } },
    ]);
    const array: HostArray = { dtype, shape: [2, 1], data };
    expect(await it.run({ feeds: feeds({ x: array }), fetches: ['y'] })).toEqual([array]);
  });

  it('keeps variables from run to run', async () => {
    const it = await session([
      placeholder('x'),
      ...variable('v', [2], 'x'),
      floatOp('next', 'AddV2', 'v/read', 'v/read'),
      { name: 'double', op: 'AssignVariableOp', input: ['v', 'next'], attr: { dtype: { type: FLOAT } } },
    ]);
    await expect(it.run({ feeds: NOTHING, fetches: ['v/read'] })).rejects.toThrow(/v\/read/);
    await it.run({ feeds: feeds({ x: float([1, 2]) }), fetches: [], targets: ['v/assign'] });
    for (let i = 0; i < 3; i++) await it.run({ feeds: NOTHING, fetches: [], targets: ['double'] });
    expect(await it.run({ feeds: NOTHING, fetches: ['v/read'] })).toEqual([float([8, 16])]);
  });

  it('does not share variables with another session', async () => {
    const nodes = [placeholder('x'), ...variable('v', [1], 'x')];
    const [a, b] = [await session(nodes), await session(nodes)];
    await a.run({ feeds: feeds({ x: float([1]) }), fetches: [], targets: ['v/assign'] });
    await b.run({ feeds: feeds({ x: float([2]) }), fetches: [], targets: ['v/assign'] });
    expect(await a.run({ feeds: NOTHING, fetches: ['v/read'] })).toEqual([float([1])]);
  });

  it('runs while this thread goes on, and several runs at once', async () => {
    const size = 512;
    const it = await session([placeholder('x'), placeholder('y'), floatOp('product', 'MatMul', 'x', 'y')]);
    const identity = new Float32Array(size * size);
    for (let i = 0; i < size; i++) identity[i * size + i] = 1;
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        it.run({
          feeds: feeds({
            x: float(identity, [size, size]),
            y: float(new Float32Array(size * size).fill(i), [size, size]),
          }),
          fetches: ['product'],
        }),
      ),
    );
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
    results.forEach(([product], i) => expect([...new Set(product!.data as Float32Array)]).toEqual([i]));
  });

  describe('memory', () => {
    /** Fills what the collector gave back with something else. */
    const churn = () => {
      collect();
      for (let i = 0; i < 8; i++) alignedFloat32(4096 * 384).fill(-1);
    };

    it('aligns arrays as TensorFlow wants them', () => {
      for (let length = 0; length < 40; length++) {
        const array = alignedFloat32(length);
        expect(array).toEqual(new Float32Array(length));
        expect(isAligned(array)).toBe(true);
        if (length > 1) expect(isAligned(array.subarray(1))).toBe(false);
      }
    });

    it('keeps a borrowed array until the run is over', async () => {
      const size = 384;
      const identity = new Float32Array(size * size);
      for (let i = 0; i < size; i++) identity[i * size + i] = 1;
      // A long way to the product that at last reads what was fed.
      const chain = Array.from({ length: 40 }, (_, i) =>
        floatOp(`power${i + 1}`, 'MatMul', `power${i}`, 'power0'),
      );
      const it = await session([
        placeholder('x'),
        placeholder('power0'),
        ...chain,
        floatOp('y', 'MatMul', 'x', 'power40'),
      ]);
      const power0 = { ...aligned(identity), shape: [size, size] };
      for (let round = 0; round < 5; round++) {
        const length = 4096 * size;
        // Nobody but the session knows this array.
        const run = it.run({
          feeds: feeds({
            power0,
            x: { ...aligned(new Float32Array(length).fill(round)), shape: [length / size, size] },
          }),
          fetches: ['y'],
        });
        churn();
        const [y] = await run;
        expect(y!.data.every((value) => value === round)).toBe(true);
      }
    });

    // Each of these passes the fed memory on as it is, some only after the graph was optimised.
    it.each([
      ['itself', []],
      ['Identity', [floatOp('value', 'Identity', 'x')]],
      ['x · 1', [constant('one', [1], []), floatOp('value', 'Mul', 'x', 'one')]],
      [
        'Reshape',
        [
          {
            name: 'size',
            op: 'Const',
            attr: { dtype: { type: INT32 }, value: { int32s: Int32Array.of(-1), shape: [1] } },
          },
          { name: 'value', op: 'Reshape', input: ['x', 'size'], attr: { T: { type: FLOAT } } },
        ],
      ],
    ] as const)('a variable outlives the array it was set from: %s', async (_, nodes) => {
      const size = 1 << 16;
      const it = await session([
        placeholder('x'),
        ...nodes,
        ...variable('v', [size], nodes.length === 0 ? 'x' : 'value'),
      ]);
      const source = aligned(new Float32Array(size).fill(3));
      await it.run({ feeds: feeds({ x: source }), fetches: [], targets: ['v/assign'] });
      source.data.fill(-1 as never);
      const [v] = await it.run({ feeds: NOTHING, fetches: ['v/read'] });
      expect(v!.data.every((value) => value === 3)).toBe(true);
    });

    it('never writes into a fed array', async () => {
      const it = await session([
        placeholder('x'),
        floatOp('same', 'Identity', 'x'),
        floatOp('y', 'Neg', 'same'),
        floatOp('z', 'Exp', 'y'),
      ]);
      const x = aligned(Float32Array.from({ length: 4096 }, (_, i) => i));
      const before = createHash('sha256').update(x.data).digest('hex');
      const [first] = await it.run({ feeds: feeds({ x }), fetches: ['z'] });
      const [second] = await it.run({ feeds: feeds({ x }), fetches: ['same'] });
      expect(createHash('sha256').update(x.data).digest('hex')).toBe(before);
      expect(second!.data.buffer).not.toBe(x.data.buffer);
      expect(first!.data[1]).toBeCloseTo(Math.exp(-1), 6);
    });

    it('stays as it is over 2,000 runs', async () => {
      const it = await session([...adding, ...variable('v', [4096], 'x')]);
      const run = async (i: number) => {
        const x = i % 2 === 0 ? aligned(new Float32Array(4096)) : float(new Float32Array(4096));
        const y = aligned(new Float32Array(4096));
        const request = { feeds: feeds({ x, y }), fetches: ['sum', 'v/read'], targets: ['v/assign'] };
        await it.run({ ...request, fetches: ['sum'] });
        if (i % 10 === 0) await it.profile(request);
        if (i % 10 === 5) await it.run({ ...request, fetches: ['no such node'] }).catch(() => undefined);
      };
      const measure = () => {
        collect();
        return process.memoryUsage().rss;
      };
      for (let i = 0; i < 500; i++) await run(i);
      const before = measure();
      for (let i = 0; i < 2000; i++) await run(i);
      // Each run feeds and fetches 48 KB: kept, they were 96 MB.
      expect(measure() - before).toBeLessThan(24e6);
    });

    it('of sessions opened and closed stays as it is', async () => {
      const cycle = async () => {
        const it = await TensorFlowSession.open(
          tinyGraph([placeholder('x'), ...variable('v', [1 << 18], 'x')]),
          { intraOpThreads: 1, interOpThreads: 1 },
        );
        const x = float(new Float32Array(1 << 18));
        await it.run({ feeds: feeds({ x }), fetches: [], targets: ['v/assign'] });
        it.dispose();
      };
      for (let i = 0; i < 20; i++) await cycle();
      collect();
      const before = process.memoryUsage().rss;
      for (let i = 0; i < 100; i++) await cycle();
      collect();
      // Each has a variable of 1 MB.
      expect(process.memoryUsage().rss - before).toBeLessThan(30e6);
    });
  });

  describe('closing', () => {
    it('may be done twice, and refuses what comes later', async () => {
      const it = await session(adding);
      it.dispose();
      it.dispose();
      await expect(it.run({ feeds: NOTHING, fetches: [] })).rejects.toThrow('the session is closed');
    });

    it('lets the runs under way end', async () => {
      const it = await session(adding);
      const runs = Array.from({ length: 8 }, (_, i) =>
        it.run({ feeds: feeds({ x: float([i]), y: float([1]) }), fetches: ['sum'] }),
      );
      it.dispose();
      expect((await Promise.all(runs)).map(([sum]) => sum!.data[0])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    });
  });

  describe('errors', () => {
    it('of a run name the node', async () => {
      const it = await session(adding);
      const run = it.run({ feeds: feeds({ x: float([1, 2]), y: float([1, 2, 3]) }), fetches: ['sum'] });
      const error = await run.catch((e: unknown) => e);
      expect(error).toBeInstanceOf(TensorFlowError);
      expect((error as TensorFlowError).code).toBe('INVALID_ARGUMENT');
      expect((error as TensorFlowError).message).toMatch(/running the graph: .*\[2\] vs\. \[3\].*sum/s);
      // The session goes on.
      const after = await it.run({ feeds: feeds({ x: float([1]), y: float([2]) }), fetches: ['sum'] });
      expect(after).toEqual([float([3])]);
    });

    it('of memory that is not there have their code', async () => {
      const it = await session([
        placeholder('sizes', INT32),
        constant('one', [1], []),
        {
          name: 'huge',
          op: 'Fill',
          input: ['sizes', 'one'],
          attr: { T: { type: FLOAT }, index_type: { type: INT32 } },
        },
      ]);
      const sizes: HostArray = { dtype: 'int32', shape: [2], data: Int32Array.of(1 << 30, 1 << 25) };
      const run = it.run({ feeds: feeds({ sizes }), fetches: ['huge'] });
      await expect(run).rejects.toMatchObject({ name: 'TensorFlowError', code: 'RESOURCE_EXHAUSTED' });
    });

    it.each([
      [
        'of a type that is not the array’s',
        { dtype: 'int32', shape: [1], data: Float32Array.of(1) },
        /Int32Array/,
      ],
      [
        'shorter than its shape',
        { dtype: 'float32', shape: [2], data: Float32Array.of(1) },
        /2 elements.* has 1/,
      ],
      ['with a negative size', { dtype: 'float32', shape: [-1, -1], data: Float32Array.of(1) }, /-1, -1/],
      ['with half a size', { dtype: 'float32', shape: [0.5, 2], data: Float32Array.of(1) }, /0\.5/],
    ] as const)('refuses an array %s', async (_, x, message) => {
      const it = await session(adding);
      await expect(it.run({ feeds: feeds({ x, y: float([1]) }), fetches: ['sum'] })).rejects.toThrow(message);
    });

    it('names a node or output that is not there', async () => {
      const it = await session(adding);
      const run = (fetch: string) =>
        it.run({ feeds: feeds({ x: float([1]), y: float([1]) }), fetches: [fetch] });
      await expect(run('some')).rejects.toThrow('no node "some"');
      await expect(run('sum:1')).rejects.toThrow('"sum" has 1 outputs');
    });

    it('names the operation that is missing', async () => {
      const opening = session([placeholder('x'), floatOp('y', 'RecnextUnheardOf', 'x')]);
      await expect(opening).rejects.toThrow(UserError);
      await expect(opening).rejects.toThrow(/no operation "RecnextUnheardOf"/);
    });

    it('refuses what is no graph, or one that is broken', async () => {
      await expect(TensorFlowSession.open(Uint8Array.of(1, 2, 3))).rejects.toThrow(TensorFlowError);
      await expect(session([floatOp('y', 'Neg', 'x')])).rejects.toThrow(/x/);
    });

    it('refuses options that make no sense', async () => {
      for (const options of [
        { intraOpThreads: 0 },
        { interOpThreads: 1.5 },
        { device: 'tpu' as 'cpu' },
        { device: 'gpu' as const, mixedPrecision: 'bfloat16' as const },
        { mixedPrecision: 'float16' as const },
        { mixedPrecision: 'bfloat16' as const, graphOptimizer: 'off' as const },
      ])
        await expect(session(adding, options)).rejects.toThrow(UsageError);
    });

    it('of a library of operations name it', async () => {
      const opening = session(adding, { opLibrary: import.meta.filename });
      await expect(opening).rejects.toThrow(/tensorflow-session\.test\.ts/);
    });
  });

  describe('options', () => {
    it('rewrites the graph to bfloat16 when asked', async () => {
      const size = 64;
      const nodes = [placeholder('x'), placeholder('y'), floatOp('product', 'MatMul', 'x', 'y')];
      const [full, half] = [await session(nodes), await session(nodes, { mixedPrecision: 'bfloat16' })];
      const x = float(new Float32Array(size * size).fill(1 / 3), [size, size]);
      const request = { feeds: feeds({ x, y: x }), fetches: ['product'] };
      const [[a], [b]] = [await full.run(request), await half.run(request)];
      expect(a!.data[0]).toBeCloseTo(size / 9, 4);
      expect(b!.dtype).toBe('float32');
      const difference = Math.abs(Number(b!.data[0]) - size / 9);
      // bfloat16 has 8 bits of precision.
      expect(difference).toBeLessThan((size / 9) * 2 ** -7);
    });

    it('leaves the graph as it is when the optimizer is off', async () => {
      const nodes = [
        placeholder('x'),
        constant('a', [1], []),
        constant('b', [2], []),
        floatOp('c', 'AddV2', 'a', 'b'),
        floatOp('y', 'Mul', 'x', 'c'),
      ];
      const ran = async (options: SessionOptions) => {
        const it = await session(nodes, options);
        const { outputs, nodes: times } = await it.profile({
          feeds: feeds({ x: float([5]) }),
          fetches: ['y'],
        });
        expect(outputs).toEqual([float([15])]);
        return times.map(({ label }) => / = (\w+)/.exec(label)?.[1]);
      };
      expect(await ran({ graphOptimizer: 'off' })).toContain('AddV2');
      expect(await ran({})).not.toContain('AddV2');
    });

    it('profiles nodes in the order of their start', async () => {
      const it = await session([
        placeholder('x'),
        floatOp('first', 'Exp', 'x'),
        floatOp('then', 'Neg', 'first'),
      ]);
      const { nodes } = await it.profile({ feeds: feeds({ x: float([0]) }), fetches: ['then'] });
      const names = nodes.map(({ node }) => node);
      expect(names.indexOf('first')).toBeGreaterThanOrEqual(0);
      expect(names.indexOf('then')).toBeGreaterThan(names.indexOf('first'));
      for (const { start, duration } of nodes) {
        expect(start).toBeGreaterThanOrEqual(0);
        expect(duration).toBeGreaterThanOrEqual(0);
      }
    });

    it('lists the CPU, and says which TensorFlow it is', async () => {
      expect((await listDevices()).map(({ type }) => type)).toEqual(['CPU']);
      expect(await tensorflowVersion()).toMatch(/^\d+\.\d+\.\d+/);
    });
  });
});
