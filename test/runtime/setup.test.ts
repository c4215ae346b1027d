import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { colorFolders } from '../cli/helpers/color-folders.js';
import { Sandbox } from './sandbox.js';

// The programs that are put on the path are shell scripts.
describe.skipIf(process.platform === 'win32')('a machine without pip and compiler', () => {
  let sandbox: Sandbox;
  beforeEach(() => {
    sandbox = new Sandbox();
  });
  afterEach(() => {
    sandbox.remove();
  });

  const setup = async (): Promise<{
    code: number | null;
    report: Record<string, unknown>;
    stderr: string;
  }> => {
    const { code, stdout, stderr } = await sandbox.recnext('setup', '--json');
    return { code, report: JSON.parse(stdout) as Record<string, unknown>, stderr };
  };
  const leftovers = (): string[] => (existsSync(sandbox.cache) ? readdirSync(sandbox.cache) : []);

  it('is told both are missing, how to get them, and that wasm works', async () => {
    const { code, report, stderr } = await setup();
    expect(stderr).toMatch(
      /pip is missing.*apt install python3-pip.*A C\+\+ compiler is missing.*apt install g\+\+/,
    );
    expect(stderr).toMatch(/wasm/);
    expect(report).toMatchObject({ backends: { node: { available: false }, wasm: { available: true } } });
    // Nothing is broken by it: the program goes on without.
    expect(code).toBe(0);
    expect(leftovers()).toEqual([]);
  });

  it('is told what pip said, and keeps nothing half-done', async () => {
    sandbox.program(
      'python3',
      'case "$*" in *--version*) echo pip 24;; *) echo "ERROR: no route to the index" >&2; exit 1;; esac',
    );
    sandbox.program('c++', 'echo compiler');
    const { report, stderr } = await setup();
    expect(stderr).toMatch(/no route to the index/);
    expect(report).toMatchObject({ backends: { node: { available: false } } });
    expect(leftovers().filter((name) => name.includes('tensorflow'))).toEqual([]);
  });

  it('trains on wasm, runs models in onnxruntime or on wasm, and says why not on TensorFlow', async () => {
    const data = await colorFolders(join(sandbox.folder, 'data'), { train: 8, val: 3 });
    const size = ['--input-size', '16', '--batch-size', '8'];
    const run = join(sandbox.folder, 'run');
    const train = [
      'train',
      '--model',
      'recnext_m0',
      '--data',
      data,
      ...size,
      '--warmup-epochs',
      '0',
      '--epochs',
      '1',
      '-o',
      run,
      '--json',
    ];
    const trained = await sandbox.recnext(...train);
    expect(trained.stderr).toMatch(
      /the node backend is not available: .* without its native addon.*recnext setup/,
    );
    expect(trained.stderr).toMatch(/backend: wasm/);
    expect(trained.code, trained.stderr).toBe(0);
    expect(JSON.parse(trained.stdout)).toMatchObject({ epochs: 1, steps: 3 });
    for (const [engine, used] of [
      ['auto', { engine: 'onnx' }],
      ['eager', { engine: 'eager', backend: 'wasm' }],
    ] as const) {
      const weights = ['--weights', join(run, 'best'), '--data', data, '--engine', engine];
      const evaluated = await sandbox.recnext('eval', ...weights, '--json');
      expect(JSON.parse(evaluated.stdout)).toMatchObject({ model: 'recnext_m0', images: 9, ...used });
    }
    const picture = join(data, 'val', 'red', '0.png');
    const predicted = await sandbox.recnext('predict', picture, '--weights', join(run, 'best'), '--json');
    expect((JSON.parse(predicted.stdout) as { top: unknown[] }).top).toHaveLength(3);
  }, 180_000);

  it('is refused a GPU by the name of the library that is missing', async () => {
    const { code, stderr, stdout } = await sandbox.recnext(
      'eval',
      '--model',
      'recnext_m0',
      '--random-weights',
      '--data',
      'x',
      '--device',
      'gpu',
    );
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: .*\n$/);
    const gpu = await sandbox.recnext('setup', '--gpu', '--json');
    expect(gpu.stderr).toMatch(/no working GPU: the NVIDIA driver is missing \(libcuda\.so\.1/);
    expect(gpu.code).toBe(1);
    expect(leftovers()).toEqual([]);
  });
});
