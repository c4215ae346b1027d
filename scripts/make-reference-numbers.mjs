/*
 * Writes src/eval/verify/reference-numbers.ts: what the PyTorch implementation gives for the deterministic weights and one input, a
 * few numbers a module. `node scripts/make-reference-numbers.mjs GOLDEN` (folder of the reference numbers); with --check it compares.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OUTPUT = join(dirname(fileURLToPath(import.meta.url)), '../src/eval/verify/reference-numbers.ts');
const [golden, check] = process.argv.slice(2);
if (golden === undefined) throw new Error('usage: make-reference-numbers.mjs GOLDEN [--check]');

/** Sizes that are odd inside the stages show wrong padding and wrong interpolation. */
const INPUT = { key: 'input/c', shape: [1, 3, 250, 190] };
const SAMPLES = 16;

const entries = readdirSync(join(golden, 'models'))
  .filter((file) => /^recnext_.*\.json$/.test(file))
  .sort()
  .map((file) => {
    const { 'modules.c': modules } = JSON.parse(readFileSync(join(golden, 'models', file), 'utf8'));
    const logits = readLogits(join(golden, 'models', file.replace('.json', '.safetensors')), 'logits.c');
    const rows = Object.entries(modules).map(([path, { absmax, index, value }]) =>
      row(path, absmax, index, value),
    );
    const step = (logits.length - 1) / (SAMPLES - 1);
    const index = Array.from({ length: SAMPLES }, (_, i) => Math.floor(i * step));
    const largest = logits.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    rows.push(
      row(
        'logits',
        largest,
        index,
        index.map((i) => logits[i]),
      ),
    );
    return `  ${file.replace('.json', '')}: {\n${rows.join('\n')}\n  },`;
  });

const text = `// Made by scripts/make-reference-numbers.mjs from the reference implementation; do not edit.
export interface ReferenceModule {
  /** Largest magnitude of the whole output. */
  readonly absmax: number;
  /** Flat positions in [batch, channels, height, width] order, and the values there. */
  readonly index: readonly number[];
  readonly value: readonly number[];
}

/** Key of the deterministic input, and its shape [batch, channels, height, width]. */
export const REFERENCE_INPUT = { key: '${INPUT.key}', shape: [${INPUT.shape.join(', ')}] } as const;

/** By variant (1000 classes, deterministic weights) and module. */
export const REFERENCE_NUMBERS: Readonly<Record<string, Readonly<Record<string, ReferenceModule>>>> = {
${entries.join('\n')}
};
`;

if (check === '--check') {
  if (readFileSync(OUTPUT, 'utf8') !== text)
    throw new Error(`${OUTPUT} is not what the reference numbers give`);
} else {
  writeFileSync(OUTPUT, text);
}

function row(path, absmax, index, value) {
  return `    '${path}': { absmax: ${short(absmax)}, index: [${index.join(', ')}], value: [${value.map(short).join(', ')}] },`;
}

/** The shortest decimals that read back to the same float32. */
function short(value) {
  return Number(value.toPrecision(9));
}

function readLogits(file, name) {
  const bytes = readFileSync(file);
  const header = Number(bytes.readBigUInt64LE(0));
  const [begin, end] = JSON.parse(bytes.toString('utf8', 8, 8 + header))[name].data_offsets;
  return Array.from(
    new Float32Array(Uint8Array.from(bytes.subarray(8 + header + begin, 8 + header + end)).buffer),
  );
}
