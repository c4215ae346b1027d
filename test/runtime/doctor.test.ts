import { createRequire } from 'node:module';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/helpers/run-cli.js';
import { describeBackends } from '../helpers/backends.js';

const run = promisify(execFile);
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

describe('recnext doctor', () => {
  let report: Record<string, unknown>;
  beforeAll(async () => {
    const { code, stdout } = await runCli('doctor', '--json');
    expect(code).toBe(0);
    report = JSON.parse(stdout) as Record<string, unknown>;
  }, 120_000);

  it('prints what others may rely on', () => {
    const tfjs = (createRequire(import.meta.url)('@tensorflow/tfjs/package.json') as { version: string })
      .version;
    expect(report).toMatchObject({
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
      tfjs,
      backends: {
        node: { available: expect.any(Boolean) },
        wasm: { available: true },
        cpu: { available: true },
      },
      engines: {
        tensorflow: { available: expect.any(Boolean) },
        onnx: { available: true, does: expect.stringMatching(/^inference .* \(version \d/) },
        eager: { available: true },
      },
      devices: [{ name: 'cpu', available: true }, { name: 'gpu' }],
      nextSteps: expect.any(Array),
    });
    expect((report.tfjsCopies as unknown[]).length).toBeGreaterThan(0);
  });

  it('gives a reason for everything that is not available', () => {
    const backends = Object.values(
      report.backends as Record<string, { available: boolean; reason?: string }>,
    );
    const engines = Object.values(report.engines as Record<string, (typeof backends)[number]>);
    for (const { available, reason } of [...backends, ...engines, ...(report.devices as typeof backends)]) {
      expect(available || (reason ?? '').length > 10).toBe(true);
    }
  });

  it('prints the same for people', async () => {
    const { stdout } = await runCli('doctor');
    expect(stdout).toMatch(/^node +\d+\.\d+\.\d+ on /);
    expect(stdout).toMatch(/wasm +yes/);
  });
});

describeBackends(['node'], 'the native backend', () => {
  it('needs no second set-up', async () => {
    const { code, stdout, stderr } = await runCli('setup', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      backends: { node: { available: true } },
      tensorflow: { version: expect.stringMatching(/^2\./) },
    });
    expect(stderr).not.toMatch(/fetching|building/);
  });

  it('starts where Node.js has removed what tfjs-node calls', async () => {
    const backend = pathToFileURL(join(ROOT, 'dist/src/runtime/backend.js')).href;
    const script = `
      import util from 'node:util';
      delete util.isNullOrUndefined;
      delete util.isArray;
      const { selectBackend } = await import(${JSON.stringify(backend)});
      const tf = await import('@tensorflow/tfjs');
      await selectBackend('node');
      console.log(tf.getBackend(), (await tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).data()).join());`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT });
    expect(stdout).toBe('tensorflow 3,3,3,3\n');
  });

  it('is refused a GPU there is not, by the name of what is missing', async () => {
    const backend = pathToFileURL(join(ROOT, 'dist/src/runtime/backend.js')).href;
    const script = `
      const { selectBackend } = await import(${JSON.stringify(backend)});
      try { console.log(await selectBackend('node', { device: 'gpu' })); } catch (error) { console.log(error.message); }`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT });
    // With a GPU it starts; without one it says what is missing. Never is it the CPU in silence.
    expect(stdout).toMatch(/^node\n$|no working GPU: .*(lib\w+\.so|driver|device|built without)/);
  });
});
