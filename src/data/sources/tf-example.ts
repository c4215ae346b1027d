import protobuf from 'protobufjs';
import { UserError } from '../../errors.js';
import { synsetLabel } from './imagenet-synsets.js';

/** `tf.train.Example`, the part that pictures use (tensorflow/core/example/example.proto and feature.proto). */
const PROTO = `
  syntax = "proto3";
  message BytesList { repeated bytes value = 1; }
  message Int64List { repeated int64 value = 1 [packed = true]; }
  message Feature { oneof kind { BytesList bytes_list = 1; Int64List int64_list = 3; } }
  message Features { map<string, Feature> feature = 1; }
  message Example { Features features = 1; }
`;
const Example = protobuf.parse(PROTO).root.lookupType('Example');

interface Feature {
  readonly bytesList?: { readonly value?: readonly Uint8Array[] };
  readonly int64List?: { readonly value?: readonly (number | { toNumber(): number })[] };
}

/** A picture in a record. */
export interface ExamplePicture {
  /** Encoded; shares memory with the record. */
  readonly bytes: Uint8Array;
  readonly label: number;
  /** Names of features decide what labels count from: `builder` is ImageNet's classic script, `tfds` TensorFlow Datasets. */
  readonly layout: 'builder' | 'tfds';
  /** Label by the synset that the record names, where it does. */
  readonly synset: number | undefined;
  readonly file: string | undefined;
}

/**
 * Reads a record: `image/encoded` and `image/class/label` of the classic builder, or `image` and `label` of TensorFlow Datasets.
 * @throws UserError naming the record: no tf.train.Example, no picture, no label
 */
export function parseExample(record: Uint8Array, name: string): ExamplePicture {
  let features: Record<string, Feature>;
  try {
    const example = Example.decode(record) as unknown as { features?: { feature?: Record<string, Feature> } };
    features = example.features?.feature ?? {};
  } catch (error) {
    throw new UserError(`${name} is no tf.train.Example: ${(error as Error).message}.`, { cause: error });
  }
  const layout = 'image/encoded' in features ? 'builder' : 'tfds';
  const isBuilder = layout === 'builder';
  const bytes = features[isBuilder ? 'image/encoded' : 'image']?.bytesList?.value?.[0];
  const label = features[isBuilder ? 'image/class/label' : 'label']?.int64List?.value?.[0];
  if (bytes === undefined || label === undefined)
    throw new UserError(
      `${name} has no ${bytes === undefined ? 'picture' : 'label'}: expected image/encoded and image/class/label, or image and label; found ${Object.keys(features).slice(0, 12).join(', ') || 'no features'}.`,
    );
  const text = (key: string): string | undefined => {
    const value = features[key]?.bytesList?.value?.[0];
    return value && Buffer.from(value).toString('utf8');
  };
  return {
    bytes,
    label: typeof label === 'number' ? label : label.toNumber(),
    layout,
    synset: synsetLabel(text('image/class/synset') ?? ''),
    file: text(isBuilder ? 'image/filename' : 'file_name'),
  };
}
