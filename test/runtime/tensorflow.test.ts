import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addonPath, buildAddon, findAddon, placeAddon } from '../../src/runtime/setup/addon.js';
import type { SetupLog } from '../../src/runtime/setup/log.js';
import type { Command } from '../../src/runtime/setup/pip.js';
import { wheelTarget, type WheelTarget } from '../../src/runtime/setup/platform.js';
import { fetchTensorFlow, findTensorFlow } from '../../src/runtime/setup/tensorflow.js';

const log: SetupLog = { step: () => undefined, progress: () => undefined };
const linux = wheelTarget({ platform: 'linux', arch: 'x64', glibc: true }, 'cpu');
const target = (linux as { target: WheelTarget }).target;

const LIBRARIES = {
  'tensorflow/libtensorflow_framework.so.2': 'CONTENT',
  'tensorflow/libtensorflow_cc.so.2': 'cc',
};
const HEADER = 'tensorflow/include/tensorflow/c/c_api.h';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recnext-wheel-'));
  vi.stubEnv('RECNEXT_CACHE', join(folder, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A wheel with these files. */
async function wheel(files: Record<string, string>): Promise<Uint8Array> {
  const zip = new ZipWriter(new Uint8ArrayWriter());
  for (const [name, text] of Object.entries(files))
    await zip.add(name, new Uint8ArrayReader(new TextEncoder().encode(text)), { level: 0 });
  return zip.close();
}

/** A pip that "downloads" these bytes, and writes down how it was called. */
async function fakePip(bytes: Uint8Array): Promise<Command> {
  const source = join(folder, 'source.whl');
  const script = join(folder, 'pip.cjs');
  await writeFile(source, bytes);
  await writeFile(
    script,
    `const fs = require('fs'), args = process.argv.slice(2);
     fs.writeFileSync(${JSON.stringify(join(folder, 'args.json'))}, JSON.stringify(args));
     fs.copyFileSync(${JSON.stringify(source)}, args[args.indexOf('--dest') + 1] + '/tensorflow.whl');`,
  );
  return [process.execPath, script];
}

describe('TensorFlow from its wheel', () => {
  it('keeps the libraries and the C headers, and nothing else', async () => {
    const pip = await fakePip(
      await wheel({
        ...LIBRARIES,
        [HEADER]: 'c',
        'tensorflow/python/big.so': 'x',
        'tensorflow/include/Eigen/a.h': 'x',
      }),
    );
    const home = await fetchTensorFlow(target, 'cpu', pip, log);
    expect(await readFile(home.libraries[1]!, 'utf8')).toBe('cc');
    expect(existsSync(join(home.include, 'tensorflow/c/c_api.h'))).toBe(true);
    const files = (await readdir(home.folder, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(files.map(({ name }) => name).sort()).toEqual([
      'c_api.h',
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
      'manifest.json',
    ]);
    const args = JSON.parse(await readFile(join(folder, 'args.json'), 'utf8')) as string[];
    expect(args.join(' ')).toMatch(
      /^download --no-deps .*--platform manylinux_2_27_x86_64 tensorflow-cpu==2\.21\.0$/,
    );
    expect(await findTensorFlow(target, 'cpu')).toEqual(home);
    // A library that lost its end is fetched again.
    await truncate(home.libraries[1]!, 1);
    expect(await findTensorFlow(target, 'cpu')).toBeUndefined();
  });

  it.each([
    ['a byte changed', (bytes: Uint8Array) => bytes.with(Buffer.from(bytes).indexOf('CONTENT'), 7)],
    ['the end cut off', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 30)],
  ])('refuses a wheel with %s and leaves nothing', async (_, damage) => {
    const bytes = await wheel({ ...LIBRARIES, [HEADER]: 'c' });
    await expect(fetchTensorFlow(target, 'cpu', await fakePip(damage(bytes)), log)).rejects.toThrow(
      /damaged/,
    );
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  it('refuses a wheel without a library, by its name', async () => {
    const pip = await fakePip(await wheel({ 'tensorflow/libtensorflow_cc.so.2': 'cc' }));
    await expect(fetchTensorFlow(target, 'cpu', pip, log)).rejects.toThrow(
      /has no tensorflow\/libtensorflow_framework/,
    );
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  it('is told by pip why not', async () => {
    const pip: Command = [
      process.execPath,
      '-e',
      'console.error("WARNING: connection broken\\nERROR: no matching distribution."); process.exit(1)',
      '--',
    ];
    await expect(fetchTensorFlow(target, 'cpu', pip, log)).rejects.toThrow(
      /pip could not fetch tensorflow-cpu==2\.21\.0: ERROR: no matching distribution\. Check the network/,
    );
  });
});

// The compiler put in the place of the real one is a shell script.
describe.runIf(process.platform !== 'win32')('the addon', () => {
  const compiler = async (script: string): Promise<string> => {
    const path = join(folder, 'c++');
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  };
  const nodePackage = async (): Promise<string> => {
    const path = join(folder, 'package');
    await mkdir(join(path, 'binding'), { recursive: true });
    await writeFile(join(path, 'package.json'), '{"version": "9.9.9"}');
    await writeFile(join(path, 'binding', 'a.cc'), '');
    return path;
  };

  it('is compiled once, placed whole, and taken back', async () => {
    const home = await fetchTensorFlow(target, 'cpu', await fakePip(await wheel(LIBRARIES)), log);
    const path = await nodePackage();
    expect(findAddon(path, home.folder)).toBeUndefined();
    const output = 'while [ "$1" != -o ]; do shift; done; echo built > "$2"';
    const addon = await buildAddon(path, home, await compiler(output), log);
    expect(findAddon(path, home.folder)).toBe(addon);

    const first = await placeAddon(addon, path);
    await first.forget();
    expect(await readFile(addonPath(path), 'utf8')).toBe('built\n');
    await writeFile(addon, 'another');
    const second = await placeAddon(addon, path);
    expect(await readFile(addonPath(path), 'utf8')).toBe('another');
    await second.restore();
    expect(await readFile(addonPath(path), 'utf8')).toBe('built\n');
    expect(await readdir(join(path, 'lib', 'napi-v8'))).toEqual(['tfjs_binding.node']);
  });

  it('is told by the compiler why not, and leaves nothing', async () => {
    const home = await fetchTensorFlow(target, 'cpu', await fakePip(await wheel(LIBRARIES)), log);
    const path = await nodePackage();
    const broken = await compiler('echo "a.cc:3: error: no such type" >&2; echo more >&2; exit 1');
    await expect(buildAddon(path, home, broken, log)).rejects.toThrow(/a\.cc:3: error: no such type/);
    expect(findAddon(path, home.folder)).toBeUndefined();
  });
});

describe('wheels by platform', () => {
  it.each([
    ['linux', 'x64', true, 'tensorflow-cpu', 'manylinux_2_27_x86_64'],
    ['linux', 'arm64', true, 'tensorflow', 'manylinux_2_27_aarch64'],
    ['darwin', 'arm64', false, 'tensorflow', 'macosx_12_0_arm64'],
  ] as const)('%s %s', (platform, arch, glibc, requirement, tag) => {
    expect(wheelTarget({ platform, arch, glibc }, 'cpu')).toMatchObject({
      target: { requirement, platforms: [tag] },
    });
  });

  it.each([
    ['win32', 'x64', false, 'cpu', /not supported on Windows yet/],
    ['darwin', 'x64', false, 'cpu', /not published for darwin x64/],
    ['linux', 'x64', false, 'cpu', /without glibc/],
    ['darwin', 'arm64', false, 'cuda', /with CUDA is not published/],
  ] as const)('%s %s (glibc %s, %s) has none, and it says why', (platform, arch, glibc, variant, reason) => {
    expect(wheelTarget({ platform, arch, glibc }, variant)).toEqual({
      unsupported: expect.stringMatching(reason),
    });
  });
});
