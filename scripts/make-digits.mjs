/**
 * Packs the UCI handwritten digits as scikit-learn ships them into the WebDataset shards of data/digits.
 *
 *   node scripts/make-digits.mjs path/to/digits.csv.gz            write the shards
 *   node scripts/make-digits.mjs path/to/digits.csv.gz --check    compare the shards with what would be written
 *
 * digits.csv.gz lies in scikit-learn's wheel at sklearn/datasets/data/. The tars are the same bytes wherever this runs; how gzip
 * packs them may differ between builds of zlib, so --check compares them unpacked.
 */
import { Buffer } from 'node:buffer';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import tar from 'tar-stream';

const FOLDER = new URL('../data/digits/', import.meta.url);
const SIDE = 8;
const LARGEST = 16;
const ROWS = 1797;
const SEED = 20_240_229;
const TRAIN_SHARDS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean' } },
});
if (positionals.length !== 1) {
  console.error('usage: node scripts/make-digits.mjs digits.csv.gz [--check]');
  process.exit(2);
}

const rows = parse(gunzipSync(await readFile(positionals[0])).toString('ascii'));
const { train, val } = split(rows);
const shards = new Map();
const perShard = Math.ceil(train.length / TRAIN_SHARDS);
for (let i = 0; i < TRAIN_SHARDS; i++)
  shards.set(`train-00000${i}.tar.gz`, await pack(train.slice(i * perShard, (i + 1) * perShard)));
shards.set('val-000000.tar.gz', await pack(val));

if (values.check) {
  for (const [name, bytes] of shards) {
    if (!gunzipSync(await readFile(new URL(name, FOLDER))).equals(bytes)) {
      console.error(`data/digits/${name} differs from what ${positionals[0]} gives.`);
      process.exit(1);
    }
  }
  console.log(
    `the ${shards.size} shards are what ${positionals[0]} gives: ${train.length} + ${val.length} images.`,
  );
} else {
  await mkdir(FOLDER, { recursive: true });
  for (const [name, bytes] of shards) await write(name, gzipSync(bytes, { level: 9 }));
  await write('classes.txt', Array.from({ length: 10 }, (_, digit) => `${digit}\n`).join(''));
  console.log(`wrote ${train.length} + ${val.length} images to ${fileURLToPath(FOLDER)}`);
}

/** Each line: 64 values 0..16, row by row, then the digit. */
function parse(text) {
  const parsed = text
    .trim()
    .split('\n')
    .map((line, number) => {
      const numbers = line.split(',').map(Number);
      const label = numbers.pop();
      const inRange = numbers.every((value) => Number.isInteger(value) && value >= 0 && value <= LARGEST);
      if (numbers.length !== SIDE * SIDE || !inRange || !Number.isInteger(label) || label < 0 || label > 9)
        throw new Error(`line ${number + 1} is not 64 values from 0 to ${LARGEST} and a digit: ${line}`);
      return { key: String(number).padStart(6, '0'), label, values: numbers };
    });
  if (parsed.length !== ROWS) throw new Error(`expected ${ROWS} lines, found ${parsed.length}`);
  return parsed;
}

/** Every fifth image of each digit in a shuffled order is scored, the others are for training; both keep the order of the file. */
function split(all) {
  const random = mulberry32(SEED);
  const byClass = all
    .map((row) => ({ row, order: random() }))
    .sort((a, b) => a.row.label - b.row.label || a.order - b.order)
    .map(({ row }) => row);
  const scored = new Set(byClass.filter((_, i) => i % 5 === 0));
  return { train: all.filter((row) => !scored.has(row)), val: all.filter((row) => scored.has(row)) };
}

function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

async function pack(samples) {
  const archive = tar.pack();
  for (const { key, label, values: pixels } of samples) {
    const options = { mode: 0o644, mtime: new Date(0) };
    archive.entry({ name: `${key}.png`, ...options }, png(pixels));
    archive.entry({ name: `${key}.cls`, ...options }, String(label));
  }
  archive.finalize();
  const parts = [];
  for await (const part of archive) parts.push(part);
  return Buffer.concat(parts);
}

/** An 8-bit gray PNG. Level 0 of deflate only stores: the same bytes from every zlib, and gzip packs the whole shard anyway. */
function png(pixels) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIDE, 0);
  header.writeUInt32BE(SIDE, 4);
  header[8] = 8; // bits; the other fields are 0: gray, not interlaced
  const lines = Buffer.alloc(SIDE * (SIDE + 1)); // each line begins with its filter, 0
  pixels.forEach((value, i) => {
    lines[Math.floor(i / SIDE) * (SIDE + 1) + 1 + (i % SIDE)] = Math.round((value * 255) / LARGEST);
  });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines, { level: 0 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'ascii'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

async function write(name, bytes) {
  const temporary = new URL(`${name}.part`, FOLDER);
  await writeFile(temporary, bytes);
  await rename(temporary, new URL(name, FOLDER));
}
