import { describe, expect, it } from 'vitest';
import { benchmark } from '../../src/bench/benchmark.js';
import { chromeTrace } from '../../src/bench/chrome-trace.js';
import { inTurns, type Peer } from '../../src/bench/peer.js';
import { profileOf } from '../../src/bench/profile.js';
import type { BenchSetting } from '../../src/bench/setting.js';
import { median, quantile } from '../../src/bench/statistics.js';
import { smoothTargets, syntheticClasses } from '../../src/bench/synthetic-batch.js';

describe('statistics', () => {
  it('gives quantiles as NumPy does', () => {
    // np.quantile([3, 1, 4, 1, 5, 9, 2, 6], [0, .25, .5, .9, 1])
    const values = [3, 1, 4, 1, 5, 9, 2, 6];
    const found = [0, 0.25, 0.5, 0.9, 1].map((q) => quantile(values, q));
    [1, 1.75, 3.5, 6.9, 9].forEach((wanted, i) => expect(found[i]).toBeCloseTo(wanted, 12));
    expect(median([7])).toBe(7);
  });
});

describe('peers', () => {
  it('run in turns, each for all of its rounds', async () => {
    const order: string[] = [];
    const peer = (name: string): Peer => ({
      run: (seconds) => {
        order.push(`${name} ${seconds}`);
        return Promise.resolve([{ ms: order.length, cpuMs: 1 }]);
      },
    });
    const rounds: number[] = [];
    const times = await inTurns(
      new Map([
        ['a', peer('a')],
        ['b', peer('b')],
      ]),
      { rounds: 2, seconds: 3 },
      (done) => rounds.push(done),
    );
    expect(order).toEqual(['a 3', 'b 3', 'a 3', 'b 3']);
    expect(times.get('a')!.map(({ ms }) => ms)).toEqual([1, 3]);
    expect(times.get('b')!.map(({ ms }) => ms)).toEqual([2, 4]);
    expect(rounds).toEqual([1, 2]);
  });
});

describe('a benchmark', () => {
  const options = { rounds: 1, seconds: 0, warmUp: 1, profiles: 0 };
  const setting = (classifier: BenchSetting['classifier']): BenchSetting => ({
    classifier: { inputSize: 32, ...classifier },
    mode: 'infer',
    batchSize: 1,
    compute: { backend: 'wasm', engine: 'auto' },
  });
  const works = setting({ model: 'recnext_m0', randomWeights: true });
  const failing = setting({ weights: '/nowhere.pth' });

  it('goes on with the others where one setting fails by what a user can change', async () => {
    const failures: [BenchSetting, string][] = [];
    const measured: BenchSetting[] = [];
    const onFailure = (one: BenchSetting, { message }: Error) => failures.push([one, message]);
    for await (const one of benchmark([failing, works], options, { onFailure })) measured.push(one.setting);
    expect(measured).toEqual([works]);
    expect(failures).toEqual([[failing, expect.stringContaining('/nowhere.pth')]]);
  });

  it('ends where a setting was asked for wrongly', async () => {
    const wrong = setting({ model: 'recnext_m99', randomWeights: true });
    const measured = benchmark([wrong, works], options, { onFailure: () => expect.unreachable() });
    await expect(measured.next()).rejects.toThrow(/recnext_m99/);
  });
});

describe('a profile', () => {
  const at = (layer: string, operation: string, start: number, duration: number, thread = 0) => ({
    layer,
    operation,
    start,
    duration,
    thread,
  });
  const runs = [
    [at('stem', 'Conv2D', 0, 3000), at('stem', 'Gelu', 3000, 1000), at('head', 'Conv2D', 4000, 2000)],
    [at('stem', 'Conv2D', 0, 5000), at('stem', 'Gelu', 5000, 1000), at('head', 'Conv2D', 6000, 4000)],
  ];

  it('sums the time by layer and by operation, a mean over runs, the longest first', () => {
    const { layers, operations } = profileOf(runs);
    expect(layers).toEqual([
      { name: 'stem', ms: 5, share: 10 / 16, count: 2 },
      { name: 'head', ms: 3, share: 6 / 16, count: 1 },
    ]);
    expect(operations).toEqual([
      { name: 'Conv2D', ms: 7, share: 14 / 16, count: 2 },
      { name: 'Gelu', ms: 1, share: 2 / 16, count: 1 },
    ]);
  });

  it('is written as a trace of complete events, a process for each run', () => {
    const trace = JSON.parse(
      chromeTrace([
        { name: 'one', operations: runs[0]! },
        { name: 'other', operations: [at('', 'Mean', 7, 5, 2)] },
      ]),
    ) as { traceEvents: Record<string, unknown>[] };
    expect(trace.traceEvents.filter(({ ph }) => ph === 'M')).toEqual([
      { name: 'process_name', ph: 'M', pid: 0, tid: 0, args: { name: 'one' } },
      { name: 'process_name', ph: 'M', pid: 1, tid: 0, args: { name: 'other' } },
    ]);
    const events = trace.traceEvents.filter(({ ph }) => ph === 'X');
    expect(events).toHaveLength(4);
    expect(events[0]).toMatchObject({ name: 'stem: Conv2D', ts: 0, dur: 3000, pid: 0, tid: 0 });
    expect(events[3]).toMatchObject({ name: 'Mean', ts: 7, dur: 5, pid: 1, tid: 2 });
  });
});

describe('synthetic targets', () => {
  it('are probabilities, most of them for the class', () => {
    const classes = syntheticClasses(3, 10);
    const targets = smoothTargets(classes, 10);
    classes.forEach((label, i) => {
      const row = [...targets.subarray(10 * i, 10 * i + 10)];
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      expect(row.indexOf(Math.max(...row))).toBe(label);
    });
  });
});
