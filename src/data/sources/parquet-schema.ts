import { parquetSchema, type FileMetaData } from 'hyparquet';
import { UserError } from '../../errors.js';

/** Which columns of a table are pictures and labels. */
export interface ImageColumns {
  readonly image: string;
  readonly label: string;
  /** Names of the classes, where the metadata have them. */
  readonly classes: readonly string[] | undefined;
}

type Features = Readonly<Record<string, { readonly _type?: unknown; readonly names?: unknown } | undefined>>;

/**
 * Finds the column of pictures (a struct with `bytes`) and that of labels: what the metadata of `datasets` call a ClassLabel, else whole
 * numbers called `label`.
 *
 * @throws UserError with the columns there are, when there is not exactly one of each
 */
export function imageColumns(metadata: FileMetaData, file: string): ImageColumns {
  const columns = parquetSchema(metadata).children;
  const features = featuresOf(metadata);
  const images = columns.filter(({ children }) => children.some(({ element }) => element.name === 'bytes'));
  const names = columns.map(({ element }) => element.name);
  const labelled = names.filter((name) => features[name]?._type === 'ClassLabel');
  const labels =
    labelled.length > 0 ? labelled : names.filter((name) => /^(label|labels|fine_label)$/.test(name));
  // CIFAR-100 has coarse_label beside fine_label.
  const finest =
    labels.length > 1 ? labels.filter((name) => name === 'label' || name === 'fine_label') : labels;
  if (images.length !== 1 || finest.length !== 1)
    throw new UserError(
      `${file}: expected one column of pictures (a struct with bytes) and one of labels (label), found ${names.slice(0, 12).join(', ') || 'no columns'}.`,
    );
  const label = finest[0]!;
  const listed = features[label]?.names;
  return {
    image: images[0]!.element.name,
    label,
    classes: Array.isArray(listed) && listed.length > 0 ? listed.map(String) : undefined,
  };
}

/** What the library `datasets` writes of its columns into the file. */
function featuresOf({ key_value_metadata: pairs }: FileMetaData): Features {
  const text = pairs?.find(({ key }) => key === 'huggingface')?.value;
  if (text === undefined) return {};
  try {
    const { info } = JSON.parse(text) as { info?: { features?: Features } };
    return info?.features ?? {};
  } catch {
    // Metadata of another make: the columns' own names decide.
    return {};
  }
}
