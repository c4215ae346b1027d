import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseInstructions } from '../../src/runtime/cpu-info.js';
import { parseDevice, visibleDevices } from '../../src/runtime/device.js';
import { cudaComplaints } from '../../src/runtime/gpu.js';
import { findNodePackage, owningProject } from '../../src/runtime/setup/node-package.js';
import { tfjsCopies } from '../../src/runtime/tfjs-copies.js';

describe('--device', () => {
  it('is cpu, gpu or gpu:N', () => {
    expect(['cpu', 'gpu', 'gpu:2'].map(parseDevice)).toEqual([
      { kind: 'cpu' },
      { kind: 'gpu' },
      { kind: 'gpu', index: 2 },
    ]);
    for (const text of ['cuda', 'gpu:', 'gpu:-1', 'GPU', ''])
      expect(() => parseDevice(text)).toThrow(/expected cpu, gpu or gpu:N/);
  });

  it('shows TensorFlow the GPUs it may use', () => {
    expect(visibleDevices({ kind: 'cpu' }, '0,1')).toBe('-1');
    expect(visibleDevices({ kind: 'gpu' }, undefined)).toBeUndefined();
    expect(visibleDevices({ kind: 'gpu', index: 1 }, undefined)).toBe('1');
    expect(visibleDevices({ kind: 'gpu', index: 1 }, '4,7')).toBe('7');
    expect(() => visibleDevices({ kind: 'gpu', index: 2 }, '4,7')).toThrow(/gpu:2.*shows 2 GPUs/);
  });
});

describe("what TensorFlow's messages say about CUDA", () => {
  it('names what could not be loaded, once, and leaves out the rest', () => {
    const stderr = [
      '2022-05-01 10:00:00.0: W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic library ' +
        "'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file: No such file or directory",
      'I0000 00:00:1 1 cpu_feature_guard.cc:227] This TensorFlow binary is optimized',
      'E0000 00:00:1 1 cuda_driver.cc:265] failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected',
      'E0000 00:00:1 1 cuda_driver.cc:265] failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected',
    ].join('\n');
    expect(cudaComplaints(stderr)).toEqual([
      "Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file: No such file or directory",
      'failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected',
    ]);
  });
});

describe('instruction sets', () => {
  it('are read from /proc/cpuinfo of x86 and Arm', () => {
    expect(parseInstructions('processor : 0\nflags\t\t: fpu sse4_2 avx2 avx512f fma hypervisor\n')).toEqual([
      'sse4_2',
      'avx2',
      'avx512f',
      'fma',
    ]);
    expect(parseInstructions('Features\t: fp asimd asimddp sve\n')).toEqual(['asimd', 'asimddp', 'sve']);
    expect(parseInstructions('')).toEqual([]);
  });
});

describe('installed packages', () => {
  let root: string;
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'recnext-tree-')));
  });
  afterEach(() => rm(root, { recursive: true }));

  const add = async (path: string, manifest: object = { version: '1.0.0' }): Promise<string> => {
    const folder = join(root, path);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    return folder;
  };

  it('finds every copy of TF.js, nested and above', async () => {
    const top = await add('node_modules/@tensorflow/tfjs-core', { version: '4.22.0' });
    const nested = await add('node_modules/other/node_modules/@tensorflow/tfjs-core', { version: '4.0.0' });
    const project = await add('sub/project');
    expect(tfjsCopies([project, root])).toEqual([
      { version: '4.22.0', path: top },
      { version: '4.0.0', path: nested },
    ]);
  });

  it('belong to the checkout, to the project that depends on this one, or to a global installation', async () => {
    const checkout = await add('checkout');
    expect(owningProject(checkout)).toBe(checkout);
    const project = await add('project');
    expect(owningProject(await add('project/node_modules/recnext'))).toBe(project);
    const global = await add('lib/node_modules/recnext');
    expect(owningProject(global)).toBe(global);
  });

  it('are not touched where another package manager keeps them', async () => {
    const project = await add('project');
    const own = await add('project/node_modules/recnext');
    await writeFile(join(project, 'yarn.lock'), '');
    expect(() => owningProject(own)).toThrow(/not installed by npm \(it has yarn\.lock\)/);
    const pnpm = await add('p/node_modules/.pnpm/recnext@1/node_modules/recnext');
    expect(() => owningProject(pnpm)).toThrow(/pnpm add @tensorflow\/tfjs-node-gpu/);
  });

  it('include tfjs-node-gpu wherever require would find it', async () => {
    const own = await add('project/node_modules/recnext');
    expect(findNodePackage(own)).toBeUndefined();
    const there = await add('project/node_modules/@tensorflow/tfjs-node-gpu');
    expect(findNodePackage(own)).toBe(there);
  });
});
