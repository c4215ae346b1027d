// Stand-in until src/convert has its reader and writer.
import { readFile, writeFile } from 'node:fs/promises';
import type { HostTensor, StateDict } from '../models/state-dict.js';

export async function writeTensors(
  path: string,
  tensors: StateDict,
  metadata: Record<string, string>,
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  const parts: Uint8Array[] = [];
  for (const [name, { shape, data }] of tensors) {
    const dtype = data instanceof BigInt64Array ? 'I64' : 'F32';
    header[name] = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(path, Buffer.concat([length, text, ...parts]));
}

export async function readTensors(path: string): Promise<StateDict> {
  const bytes = await readFile(path);
  const n = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + n)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const result = new Map<string, HostTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const slice = new Uint8Array(bytes.subarray(8 + n + data_offsets[0], 8 + n + data_offsets[1])).buffer;
    result.set(name, { shape, data: dtype === 'I64' ? new BigInt64Array(slice) : new Float32Array(slice) });
  }
  return result;
}
