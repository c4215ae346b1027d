// Reads a range of mutations in one process without rights. Prints the number of each before reading it, so that a death
// names its case, and a report as the last line.
import { Buffer } from 'node:buffer';
import { readFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { encodeSafetensors } from '../../dist/src/convert/write/safetensors.js';
import { mutate } from './mutate.mjs';
import { readOne } from './read-one.mjs';

const { files, seed, from, to } = JSON.parse(process.argv[2]);
const MAX_MS = 2000;
const MB = 2 ** 20;

const json = (value) => new Uint8Array(Buffer.from(JSON.stringify(value)));
const shard = (name) =>
  new Uint8Array(
    Buffer.concat([
      ...encodeSafetensors(new Map([[name, { shape: [2], data: Float32Array.of(1, 2) }]])).chunks(),
    ]),
  );
/** Formats that are folders: made here, since their files are small. */
const FOLDERS = [
  [
    [
      'model.json',
      json({
        format: 'layers-model',
        weightsManifest: [
          {
            paths: ['1.bin', '2.bin'],
            weights: [
              { name: 'a', shape: [2, 2], dtype: 'float32' },
              {
                name: 'b',
                shape: [4],
                dtype: 'float32',
                quantization: { dtype: 'uint8', scale: 0.1, min: -1 },
              },
              { name: 'c', shape: [2], dtype: 'float32', quantization: { dtype: 'float16' } },
            ],
          },
        ],
      }),
    ],
    ['1.bin', new Uint8Array(10).fill(1)],
    ['2.bin', new Uint8Array(14).fill(2)],
  ],
  [
    ['model.safetensors.index.json', json({ weight_map: { a: '1.safetensors', b: '2.safetensors' } })],
    ['1.safetensors', shard('a')],
    ['2.safetensors', shard('b')],
    ['config.json', json({ architecture: 'recnext_m0' })],
  ],
];

const corpus = [...files.map((path) => [[basename(path), new Uint8Array(readFileSync(path))]]), ...FOLDERS];
const pool = corpus.flatMap((entries) => entries.map(([, bytes]) => bytes));
const size = (entries) => entries.reduce((sum, [, bytes]) => sum + bytes.length, 0);

function mutated(index) {
  const entries = corpus[index % corpus.length];
  const which = Math.floor(index / corpus.length) % entries.length;
  return entries.map(([name, bytes], i) => [
    name,
    i === which ? mutate(bytes, seed * 1_000_003 + index, pool) : bytes,
  ]);
}

// What reading needs anyway: code compiled, tables made, the heap grown once.
for (const entries of corpus) await readOne(entries);
globalThis.gc();

const outcomes = {};
const findings = [];
let slowest = 0;
let largest = 0;
for (let index = from; index < to; index++) {
  const entries = mutated(index);
  writeSync(1, `${index}\n`);
  if (index % 20 === 0) globalThis.gc();
  const before = process.memoryUsage.rss();
  const start = performance.now();
  let outcome = 'broken';
  try {
    outcome = await readOne(entries);
  } catch (error) {
    findings.push({ index, file: entries[0][0], problem: String(error?.stack ?? error).slice(0, 1500) });
  }
  const ms = performance.now() - start;
  const grown = process.memoryUsage.rss() - before;
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  slowest = Math.max(slowest, Math.round(ms));
  largest = Math.max(largest, Math.round(grown / MB));
  if (ms > MAX_MS) findings.push({ index, file: entries[0][0], suspicion: `took ${Math.round(ms)} ms` });
  if (grown > 3 * size(entries) + 64 * MB)
    findings.push({
      index,
      file: entries[0][0],
      suspicion: `took ${Math.round(grown / MB)} MB for ${size(entries)} bytes`,
    });
}
writeSync(1, `${JSON.stringify({ outcomes, findings, slowest, largest })}\n`);
