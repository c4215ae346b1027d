import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The package as a user gets it: packed, installed into an empty project, run and compiled against there. */
const run = promisify(execFile);
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const WINDOWS = process.platform === 'win32';

let folder: string;
let files: string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recnext-package-'));
  const packed = await npm(ROOT, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder);
  const [{ filename, files: entries }] = JSON.parse(packed) as [
    { filename: string; files: { path: string }[] },
  ];
  files = entries.map(({ path }) => path);
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module' }),
  );
  await npm(project, 'install', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, filename));
}, 300_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function npm(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('npm', args, { cwd, shell: WINDOWS, maxBuffer: 1 << 26 });
  return stdout;
}

describe('the package', () => {
  it('holds the program and its papers, and nothing else', () => {
    const unexpected = files.filter(
      (path) =>
        !/^(dist\/(cli|src)\/.+\.(js|d\.ts)|native\/.+\.(cc|h)|presets\/.+\.yaml|docs\/.+\.md|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/.test(
          path,
        ),
    );
    expect(unexpected).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining([
        'dist/cli/main.js',
        'dist/src/index.js',
        'dist/src/index.d.ts',
        'LICENSE',
        'native/gelu.cc',
        'presets/cpu-small.yaml',
      ]),
    );
  });

  it('runs `npx recnext info` in an empty project', async () => {
    const stdout = await npm(
      join(folder, 'project'),
      'exec',
      '--',
      'recnext',
      'info',
      'recnext_m0',
      '--json',
    );
    const [summary] = JSON.parse(stdout) as [Record<string, unknown>];
    expect(summary).toMatchObject({ name: 'recnext_m0', paramsFused: 2_502_400, macs: 411_693_280 });
  });

  it('is imported by its name, and computes', async () => {
    const script = join(folder, 'project', 'use.js');
    writeFileSync(
      script,
      `import * as tf from '@tensorflow/tfjs';
       import { buildModel, listModels, selectBackend } from 'recnext';
       import { RecConv2d } from 'recnext/layers';
       await selectBackend('cpu');
       const model = buildModel('recnext_m0', { embedDim: [4, 8, 16, 32], depth: [1, 1, 1, 1], numClasses: 3 });
       console.log(JSON.stringify({ models: listModels('recnext_*').length, shape: model.forward(tf.zeros([1, 32, 32, 3])).shape, layer: RecConv2d.className }));`,
    );
    const { stdout } = await run(process.execPath, [script], { cwd: dirname(script) });
    expect(JSON.parse(stdout)).toEqual({ models: 18, shape: [1, 3], layer: 'RecConv2d' });
  });

  it('has types that a strict project compiles against', async () => {
    const project = join(folder, 'project');
    writeFileSync(
      join(project, 'use.ts'),
      `import type * as tf from '@tensorflow/tfjs';
       import { buildModel, replaceBatchnorm, type RecNextConfig } from 'recnext';
       const model = buildModel('recnext_m0');
       const fused = replaceBatchnorm(model);
       export const logits = (x: tf.Tensor4D): tf.Tensor2D => fused.forward(x);
       export type Config = RecNextConfig;
       // @ts-expect-error a model's name is text
       buildModel(3);`,
    );
    const options = {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      target: 'es2022',
      skipLibCheck: true,
      types: [],
    };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['use.ts'] }),
    );
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    await run(process.execPath, [tsc, '-p', project]);
  });

  it('says in its manifest what it needs', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const ranges = Object.entries({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.devDependencies,
    });
    expect(ranges.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
