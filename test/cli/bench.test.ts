import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BenchResult } from '../../src/bench/benchmark.js';
import type { Profile } from '../../src/bench/profile.js';
import { hasTensorFlow, NO_TENSORFLOW } from '../helpers/libtensorflow.js';
import { runCli } from './helpers/run-cli.js';

const FAST = [
  '--random-weights',
  '--input-size',
  32,
  '--num-classes',
  10,
  '--rounds',
  2,
  '--seconds',
  0,
] as const;

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'recnext-bench-'))));

type Line = BenchResult & { profile?: Profile };
const lines = (stdout: string): Line[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe('recnext bench', () => {
  it('measures models at batch sizes, a line of JSON each, in processes of their own', async () => {
    const { code, stdout, stderr } = await runCli(
      ...['bench', '--model', 'recnext_m0', 'recnext_a0', ...FAST, '--batch-size', 1, 3],
      ...['--backend', 'wasm', '--warmup', 1, '--json'],
    );
    expect(stderr).not.toContain('error');
    expect(code).toBe(0);
    const found = lines(stdout);
    expect(found.map(({ model, batchSize }) => [model, batchSize])).toEqual([
      ['recnext_m0', 1],
      ['recnext_a0', 1],
      ['recnext_m0', 3],
      ['recnext_a0', 3],
    ]);
    for (const {
      imagesPerSecond,
      imagesPerSecondQuartiles: [low, high],
      latencyMs,
      ...line
    } of found) {
      expect(line).toMatchObject({
        mode: 'infer',
        engine: 'eager',
        backend: 'wasm',
        threads: 1,
        inputSize: 32,
        runs: 2,
        warmUp: 1,
        randomWeights: true,
        versions: { node: process.versions.node, tfjs: '4.22.0' },
      });
      expect(latencyMs.min).toBeLessThanOrEqual(latencyMs.p50);
      expect(latencyMs.p50).toBeLessThanOrEqual(latencyMs.p90);
      expect(imagesPerSecond).toBeCloseTo((1000 * line.batchSize) / latencyMs.p50, 6);
      expect(low).toBeLessThanOrEqual(imagesPerSecond);
      expect(high).toBeGreaterThanOrEqual(imagesPerSecond);
      // A process with Node.js and TF.js takes more than 50 MB, and this model not a gigabyte.
      expect(line.peakMemoryMB).toBeGreaterThan(50);
      expect(line.peakMemoryMB).toBeLessThan(1000);
    }
  });

  it('profiles layers and operations, writes CSV and a trace', async () => {
    const [csv, trace] = [join(folder, 'a.csv'), join(folder, 'a.json')];
    const { code, stdout } = await runCli(
      ...['bench', '--model', 'recnext_m0', ...FAST, '--batch-size', 2, '--backend', 'wasm', '--fuse'],
      ...['--profile', '--csv', csv, '--trace', trace, '--json', '--quiet'],
    );
    expect(code).toBe(0);
    const [{ profile, imagesPerSecond }] = lines(stdout) as [Line];
    expect(profile!.layers.map(({ name }) => name)).toContain('stages.0.blocks.0.token_mixer');
    expect(profile!.operations.map(({ name }) => name)).toContain('DepthwiseConv2dNative');
    for (const shares of [profile!.layers, profile!.operations])
      expect(shares.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    const [head, row] = (await readFile(csv, 'utf8')).trim().split('\n') as [string, string];
    const column = head.split(',').indexOf('images_per_second');
    expect(Number(row.split(',')[column])).toBe(imagesPerSecond);
    const { traceEvents } = JSON.parse(await readFile(trace, 'utf8')) as {
      traceEvents: { ph: string; dur?: number }[];
    };
    expect(traceEvents.filter(({ ph }) => ph === 'X').length).toBeGreaterThan(100);
  });

  it.skipIf(!hasTensorFlow)(
    `measures the real training step on several engines, and shows a table${NO_TENSORFLOW}`,
    { timeout: 120_000 },
    async () => {
      const command = ['bench', '--mode', 'train', '--model', 'recnext_m0', ...FAST, '--batch-size', 4];
      const { code, stdout } = await runCli(
        ...command,
        '--engine',
        'tensorflow,eager',
        '--distillation',
        '--json',
      );
      expect(code).toBe(0);
      expect(lines(stdout)).toMatchObject([
        {
          mode: 'train',
          engine: 'tensorflow',
          distillation: true,
          versions: { tensorflow: expect.stringMatching(/^2\./) as unknown },
        },
        { mode: 'train', engine: 'eager', distillation: true },
      ]);
      const table = await runCli(...command, '--engine', 'tensorflow', '--profile', '--no-own-operations');
      expect(table.code).toBe(0);
      expect(table.stdout).toMatch(/recnext_m0 +│ tensorflow +│ +4 │/);
      expect(table.stdout).toContain('DepthwiseConv2dNativeBackpropFilter');
      expect(table.stdout).not.toContain('Recnext');
    },
  );

  const refused: [string, (string | number)[], RegExp][] = [
    ['no weights asked for', ['--model', 'recnext_m0'], /Weights are needed/],
    ['an unknown engine', ['--engine', 'onnx,tensrflow'], /Did you mean "tensorflow"/],
    [
      'training on onnx',
      ['--model', 'recnext_m0', ...FAST, '--mode', 'train', '--engine', 'onnx'],
      /does not train/,
    ],
    [
      'training without batch norms',
      ['--model', 'recnext_m0', ...FAST, '--mode', 'train', '--fuse'],
      /--fuse folds/,
    ],
    ['weights for two models', ['--model', 'a', 'b', '--weights', 'w.pth'], /--weights are of one model/],
    ['two writers on stdout', ['--model', 'recnext_m0', '--csv', '--json'], /give --csv a file/],
    ['distillation without training', ['--model', 'recnext_m0', '--distillation'], /goes with --mode train/],
    ['a batch of nothing', ['--batch-size', '0'], /whole number/],
  ];
  it.each(refused)('refuses %s', async (_, args, message) => {
    const { code, stdout, stderr } = await runCli('bench', ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(
      stderr
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('error')),
    ).toHaveLength(1);
  });
});
