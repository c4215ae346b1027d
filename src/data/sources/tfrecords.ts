import { UsageError, UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import type { ByteSource } from './byte-source.js';
import { parseClassNames } from './class-names.js';
import { withFound } from './damage.js';
import { withSource, type DataFile } from './data-file.js';
import { IMAGENET_SYNSETS } from './imagenet-synsets.js';
import { checkLabel } from './labels.js';
import { Parts, SampleIndexBuilder, type SampleIndex } from './sample-index.js';
import { indexShards } from './shards.js';
import type { SourceContext } from './source-context.js';
import { parseExample, type ExamplePicture } from './tf-example.js';
import { checkRecord, eachRecord, RECORD_HEAD, RECORD_TAIL } from './tfrecord-index.js';

/** Names of the classes as TensorFlow Datasets writes them beside its files. */
const LABEL_NAMES = 'label.labels.txt';

/** Number of the first class: found out, or as the user says. */
export type FirstLabel = 'auto' | 0 | 1;

/**
 * TFRecord files of `tf.train.Example`s. Labels of TensorFlow Datasets count from 0; those of the classic builder of ImageNet count from 1,
 * but others used its names and counted from 0: the synset in a record, a label 0, or one as large as the number of classes tells.
 *
 * Each file is read once, all its checks held; the list of its records is kept for next time.
 *
 * @throws UserError naming file and byte; UsageError when nothing tells what the labels count from
 */
export async function openTfRecords(
  files: readonly DataFile[],
  first: FirstLabel,
  context: SourceContext,
): Promise<Dataset> {
  const list = async (source: ByteSource, name: string): Promise<SampleIndex> => {
    const samples = new SampleIndexBuilder();
    const visit = (record: Buffer, offset: number): void => {
      const picture = parseExample(record, `${name}@${offset}`);
      samples.push({
        name: picture.file ?? `@${offset}`,
        label: packLabel(picture),
        offset,
        size: record.length,
      });
    };
    await withFound(
      () => [...samples.finish().names],
      () => eachRecord(source, name, visit),
    );
    if (samples.length === 0) throw new UserError(`${name} holds no records.`);
    return samples.finish();
  };
  const shards = await indexShards(files, 'tfrecord', context, (file) =>
    withSource(file, (source) => list(source, file.name), 'whole'),
  );
  const text = await shards.files[0]!.beside(LABEL_NAMES);
  const named = text === undefined ? undefined : parseClassNames(text, LABEL_NAMES);
  const { labels, isImageNet, largest } = unpackLabels(
    shards.indexes,
    first,
    named?.length ?? context.numClasses,
    context,
  );
  const classes = named ?? (isImageNet ? IMAGENET_SYNSETS : undefined);
  const limit = classes?.length ?? context.numClasses ?? Infinity;
  const parts = new Parts(labels.map(({ length }) => length));
  const name = (index: number): string => {
    const { part, inside } = parts.find(index);
    return `${shards.files[part]!.name}!${shards.indexes[part]!.names.at(inside)}`;
  };
  if (largest >= limit) {
    const part = labels.findIndex((list) => list.includes(largest));
    checkLabel(
      largest,
      limit,
      `${shards.files[part]!.name}!${shards.indexes[part]!.names.at(labels[part]!.indexOf(largest))}`,
    );
  }
  return {
    source: context.source,
    split: context.split,
    length: parts.length,
    classes,
    numClasses: classes?.length ?? context.numClasses ?? largest + 1,
    label(index) {
      const { part, inside } = parts.find(index);
      return labels[part]![inside]!;
    },
    name,
    read(index) {
      const { part, inside } = parts.find(index);
      const file = shards.files[part]!;
      const { offsets, sizes } = shards.indexes[part]!;
      return withSource(file, async (source) => {
        const record = await source.read(offsets[inside]! + RECORD_HEAD, sizes[inside]! + RECORD_TAIL);
        return parseExample(checkRecord(record, file.name, offsets[inside]!), name(index)).bytes;
      });
    },
  };
}

/** What a record says of its class in one number: the label, 2^28 more from the builder, twice that where its synset is the label. */
const BUILDER = 1 << 28;
const SYNSET = 1 << 29;

function packLabel({ label, layout, synset }: ExamplePicture): number {
  if (synset !== undefined) return synset | SYNSET;
  // -1 and other labels that are none keep their value, to be named later.
  if (!(label >= 0 && label < BUILDER)) return -1;
  return layout === 'builder' ? label | BUILDER : label;
}

function unpackLabels(
  indexes: readonly SampleIndex[],
  first: FirstLabel,
  numClasses: number | undefined,
  { source }: SourceContext,
): { labels: Int32Array[]; isImageNet: boolean; largest: number } {
  const kinds = { synset: 0, builder: 0, tfds: 0 };
  let smallest = Infinity;
  let largest = -1;
  for (const { labels, names } of indexes)
    for (const [i, packed] of labels.entries()) {
      if (packed < 0) throw new UserError(`${source}: ${names.at(i)} has no label from 0 on.`);
      kinds[packed & SYNSET ? 'synset' : packed & BUILDER ? 'builder' : 'tfds']++;
      const label = packed & (BUILDER - 1);
      if (label < smallest) smallest = label;
      if (label > largest) largest = label;
    }
  const used = Object.entries(kinds).filter(([, count]) => count > 0);
  if (used.length > 1)
    throw new UserError(
      `${source} mixes label conventions: ${used.map(([kind, count]) => `${count} records of ${CONVENTIONS[kind as keyof typeof kinds]}`).join(', ')}; expected one.`,
    );
  const shift =
    kinds.builder > 0 ? firstLabel(first, smallest, largest, numClasses, source) : first === 1 ? 1 : 0;
  return {
    labels: indexes.map(({ labels }) => labels.map((packed) => (packed & (BUILDER - 1)) - shift)),
    isImageNet: kinds.synset > 0,
    largest: largest - shift,
  };
}

const CONVENTIONS = {
  synset: 'the classic builder with synsets',
  builder: 'the classic builder',
  tfds: 'TensorFlow Datasets',
} as const;

function firstLabel(
  first: FirstLabel,
  smallest: number,
  largest: number,
  numClasses: number | undefined,
  source: string,
): 0 | 1 {
  if (first === 1 && smallest === 0)
    throw new UserError(`${source}: there is a label 0, and labels were said to count from 1.`);
  if (first !== 'auto') return first;
  if (smallest === 0 && numClasses !== undefined && largest === numClasses)
    throw new UserError(
      `${source} mixes label conventions: there are labels 0 and ${largest}, for ${numClasses} classes.`,
    );
  if (smallest === 0) return 0;
  if (largest === numClasses) return 1;
  throw new UsageError(
    `${source}: labels go from ${smallest} to ${largest}, and nothing tells whether the first class is 0 or 1: write tfrecord-0:${source} or tfrecord-1:${source}`,
  );
}
