import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '../../errors.js';
import type { Dataset, Split } from '../dataset.js';
import type { RgbImage } from '../rgb-image.js';
import { openFileSource } from './byte-source.js';
import { parseClassNames } from './class-names.js';
import { cifarBatch, cifarNames } from './cifar-pickle.js';
import { localFile, readText, withSource, type DataFile } from './data-file.js';
import { checkLabel } from './labels.js';
import { Parts } from './sample-index.js';
import type { SourceContext } from './source-context.js';

const SIDE = 32;
const PLANE = SIDE * SIDE;
const PIXELS = 3 * PLANE;

/** One of the ways CIFAR comes: which files make up a split, and where a record has its label. */
interface Layout {
  readonly name: string;
  readonly classes: number;
  readonly files: Readonly<Record<Split, readonly string[]>>;
  /** Names of the classes. */
  readonly meta: string;
  /** Bytes before the pixels in a record of the binary version, the last of which is the label. */
  readonly binary: number | undefined;
}

const batches = (ending: string): string[] => [1, 2, 3, 4, 5].map((i) => `data_batch_${i}${ending}`);

const LAYOUTS: readonly Layout[] = [
  {
    name: 'CIFAR-10, binary version',
    classes: 10,
    files: { train: batches('.bin'), val: ['test_batch.bin'] },
    meta: 'batches.meta.txt',
    binary: 1,
  },
  {
    name: 'CIFAR-100, binary version',
    classes: 100,
    files: { train: ['train.bin'], val: ['test.bin'] },
    meta: 'fine_label_names.txt',
    binary: 2,
  },
  {
    name: 'CIFAR-10, Python version',
    classes: 10,
    files: { train: batches(''), val: ['test_batch'] },
    meta: 'batches.meta',
    binary: undefined,
  },
  {
    name: 'CIFAR-100, Python version',
    classes: 100,
    files: { train: ['train'], val: ['test'] },
    meta: 'meta',
    binary: undefined,
  },
];

/** Which version of CIFAR the files of a folder are; undefined for none. */
export function cifarLayout(files: readonly string[]): Layout | undefined {
  const has = new Set(files);
  return LAYOUTS.find(
    ({ files: { train, val }, meta }) =>
      has.has(meta) && (train.every((name) => has.has(name)) || val.every((name) => has.has(name))),
  );
}

/**
 * CIFAR-10 and CIFAR-100 as they are published, binary or Python version (the fine labels of CIFAR-100). The pixels are read as they are;
 * `read` gives them as PNG.
 *
 * @throws UserError naming the file: missing, of another length, no pickle of CIFAR's
 */
export async function openCifar(folder: string, layout: Layout, context: SourceContext): Promise<Dataset> {
  const split = context.wanted;
  if (split === undefined)
    throw new UserError(`${folder} has the splits train and val: say which to use (split).`);
  const files = await Promise.all(layout.files[split].map((name) => localFile(path.join(folder, name))));
  const parts = await Promise.all(files.map((file) => openBatch(file, layout)));
  const table = new Parts(parts.map(({ labels }) => labels.length));
  const classes = await classNames(path.join(folder, layout.meta), layout);
  for (const { file, labels } of parts)
    labels.forEach((label, i) => void checkLabel(label, layout.classes, `${file.name}: picture ${i}`));
  const name = (index: number): string => {
    const { part, inside } = table.find(index);
    return `${files[part]!.name}#${inside}`;
  };
  const pixels = async (index: number): Promise<RgbImage> => {
    const { part, inside } = table.find(index);
    const { file, start, stride } = parts[part]!;
    const planes = await withSource(file, (source) => source.read(start + inside * stride, PIXELS));
    return { width: SIDE, height: SIDE, data: interleave(planes) };
  };
  return {
    source: context.source,
    split,
    length: table.length,
    classes,
    numClasses: layout.classes,
    label(index) {
      const { part, inside } = table.find(index);
      return parts[part]!.labels[inside]!;
    },
    name,
    pixels,
    async read(index) {
      const { width, height, data } = await pixels(index);
      return sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer();
    },
  };
}

interface Batch {
  readonly file: DataFile;
  readonly labels: Int32Array;
  /** First byte of the first picture's pixels, and bytes from one picture to the next. */
  readonly start: number;
  readonly stride: number;
}

async function openBatch(file: DataFile, { binary, classes }: Layout): Promise<Batch> {
  const source = await openFileSource(file.name);
  try {
    if (binary === undefined) return { file, stride: PIXELS, ...(await cifarBatch(source, classes === 100)) };
    const stride = binary + PIXELS;
    if (file.size === 0 || file.size % stride !== 0)
      throw new UserError(
        `${file.name} has ${file.size} bytes, expected a multiple of ${stride}: it is truncated, or another file. Fetch it again.`,
      );
    const bytes = await source.read(0, file.size);
    const labels = Int32Array.from({ length: file.size / stride }, (_, i) => bytes[i * stride + binary - 1]!);
    return { file, labels, start: binary, stride };
  } finally {
    await source.close();
  }
}

async function classNames(meta: string, { binary, classes, name }: Layout): Promise<string[]> {
  let names: readonly string[];
  if (binary === undefined) {
    const source = await openFileSource(meta);
    try {
      names = await cifarNames(source, classes === 100);
    } finally {
      await source.close();
    }
  } else names = parseClassNames(((await readText(meta)) ?? '').trim(), meta);
  if (names.length !== classes)
    throw new UserError(`${meta} names ${names.length} classes, ${name} has ${classes}.`);
  return [...names];
}

/** Planes of red, green and blue to pixels. */
function interleave(planes: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(PIXELS);
  for (let i = 0; i < PLANE; i++) for (let c = 0; c < 3; c++) pixels[i * 3 + c] = planes[c * PLANE + i]!;
  return pixels;
}
