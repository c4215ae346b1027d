import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { resolveEngine, type Installed } from '../../../src/runtime/engines/choose.js';

type Part = 'tensorflow' | 'onnx' | 'operations';

const machine = (...parts: Part[]): Installed => {
  const there = (part: Part) => () =>
    parts.includes(part) ? Promise.resolve('1.0') : Promise.reject(new UserError(`no ${part} here`));
  return {
    tensorflow: there('tensorflow'),
    onnx: there('onnx'),
    opLibrary: () =>
      Promise.resolve(parts.includes('operations') ? { path: '/ops.so' } : { reason: 'no compiler' }),
  };
};

describe('--engine auto', () => {
  it.each([
    ['training', {}, ['tensorflow', 'onnx', 'operations'], 'tensorflow'],
    ['training', {}, ['onnx'], 'eager'],
    ['batches', {}, ['tensorflow', 'onnx', 'operations'], 'tensorflow'],
    ['batches', {}, ['tensorflow', 'onnx'], 'onnx'],
    ['batches', {}, ['tensorflow'], 'tensorflow'],
    ['batches', { amp: 'bfloat16' }, ['tensorflow', 'onnx'], 'tensorflow'],
    ['batches', { device: 'gpu' }, ['tensorflow', 'onnx'], 'tensorflow'],
    ['single images', {}, ['tensorflow', 'onnx', 'operations'], 'onnx'],
    ['single images', {}, ['tensorflow', 'operations'], 'tensorflow'],
    ['single images', {}, [], 'eager'],
  ] as const)('for %s with %j, %j there: %s', async (purpose, request, parts, engine) => {
    expect((await resolveEngine('auto', purpose, request, machine(...parts))).engine).toBe(engine);
  });

  it('does not hide what is no missing part', async () => {
    const broken = { ...machine(), tensorflow: () => Promise.reject(new Error('a fault of ours')) };
    await expect(resolveEngine('auto', 'training', {}, broken)).rejects.toThrow('a fault of ours');
  });
});

describe('an engine asked for by name', () => {
  it('is checked, and what is missing said', async () => {
    await expect(resolveEngine('onnx', 'batches', {}, machine('tensorflow'))).rejects.toThrow('no onnx here');
    await expect(resolveEngine('tensorflow', 'training', {}, machine('onnx'))).rejects.toThrow(
      'no tensorflow here',
    );
    await expect(resolveEngine('onnx', 'training', {}, machine('onnx'))).rejects.toThrow(/does not train/);
  });

  it('has our own operations on a CPU only', async () => {
    const all = machine('tensorflow', 'operations');
    expect(await resolveEngine('tensorflow', 'training', {}, all)).toMatchObject({ opLibrary: '/ops.so' });
    expect(await resolveEngine('tensorflow', 'training', { device: 'gpu' }, all)).not.toHaveProperty(
      'opLibrary',
    );
  });
});
