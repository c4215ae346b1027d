import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/convert/files.js';
import { readCheckpoint } from '../../src/convert/checkpoint.js';
import { blobSource } from '../../src/convert/source/byte-source.js';

/** Small files that PyTorch wrote (make.py there), each with a JSON file that says what must be read from it. */
const FOLDER = fileURLToPath(new URL('../fixtures/checkpoints/', import.meta.url));

interface Expected {
  format: string;
  which?: string;
  tensors: Record<string, { type: string; shape: number[]; values: (number | string)[] }>;
  notes?: string[];
  metadata?: Record<string, string>;
}

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

describe('files written by PyTorch', () => {
  it('are there', () => expect(files.length).toBeGreaterThan(8));

  it.each(files)('%s', async (json) => {
    const expected = JSON.parse(readFileSync(join(FOLDER, json), 'utf8')) as Expected;
    const path = join(FOLDER, json.slice(0, -'.json'.length));
    const options = expected.which === undefined ? {} : { which: expected.which };
    const checkpoint = await openCheckpoint(path, options);
    expect(checkpoint.format).toBe(expected.format);
    const read = [...checkpoint.tensors].map(([name, { type, shape, data }]) => {
      // 64-bit integers stand as text in the JSON files.
      const values = [...data].map((value) => (typeof value === 'bigint' ? String(value) : value));
      return [name, { type, shape, values }];
    });
    expect(Object.fromEntries(read)).toEqual(expected.tensors);
    if (checkpoint.format !== 'safetensors')
      expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(expected.tensors));
    for (const note of expected.notes ?? []) expect(checkpoint.notes.join('\n')).toContain(note);
    expect(Object.fromEntries(checkpoint.metadata)).toEqual(expected.metadata ?? {});

    const blob = await readCheckpoint(blobSource(new Blob([readFileSync(path)]), 'dropped'), options);
    expect([...blob.tensors]).toEqual([...checkpoint.tensors]);
  });

  it('hand out memory of their own: tied tensors can be changed one by one', async () => {
    const { tensors } = await openCheckpoint(join(FOLDER, 'views.pth'));
    const buffers = [...tensors.values()].map(({ data }) => data.buffer);
    expect(new Set(buffers).size).toBe(buffers.length);
  });
});
