import { UserError } from '../../errors.js';
import { IMAGE_EXTENSIONS } from '../dataset.js';
import { slice, type ByteSource } from './byte-source.js';
import { withFound } from './damage.js';
import { parseLabel } from './labels.js';
import { SampleIndexBuilder, UNLABELLED, type SampleIndex } from './sample-index.js';
import { indexTar, type TarEntry } from './tar-index.js';

/** A label or its JSON is small; more is not a label. */
const MAX_LABEL_BYTES = 1 << 20;

/** Tars inside tars, as ImageNet's training set comes: one level of them. */
const MAX_DEPTH = 1;

/** `auto`: files beside the pictures are their labels if there are any; `webdataset`: there must be; `pictures`: they mean nothing. */
export type TarReading = 'auto' | 'webdataset' | 'pictures';

const LABEL_FIELDS = ['cls', 'json', 'txt'] as const;
type LabelField = (typeof LABEL_FIELDS)[number];

/**
 * Lists the pictures of a tar by its headers alone. WebDataset's rule makes samples of the files: those of one sample share a key (path and
 * name up to the first dot), its picture is `.jpg`, `.jpeg`, `.png` or `.webp`, its label a number in `.cls`, `label` in `.json`, or a
 * number in `.txt`. Where no picture has any of these, the labels are {@link UNLABELLED}, and the names say what the pictures are.
 * Pictures of a tar inside the tar are called `<that tar's name>/<picture>`.
 *
 * @param file name of the tar, for messages
 * @throws UserError naming tar and key: no pictures, a picture without a label among others with one, a label that is no number, a key
 *   used twice, truncation
 */
export async function listPictures(
  source: ByteSource,
  file: string,
  reading: TarReading,
): Promise<SampleIndex> {
  const gathered = new Gathered(file, reading);
  await withFound(
    () => gathered.names,
    () => gathered.add(source, '', 0),
  );
  const samples = gathered.isLabelled ? gathered.labelled() : gathered.pictures();
  if (samples.length === 0)
    throw new UserError(
      `${file} holds no samples: expected pictures with .cls or .json labels of the same name, or pictures in class folders.`,
    );
  return samples.finish();
}

interface Sample {
  picture?: TarEntry;
  labels?: Partial<Record<LabelField, string>>;
}

/** What a tar holds, read both ways: only its end tells whether there are labels beside the pictures. */
class Gathered {
  readonly #samples = new Map<string, Sample>();
  readonly #pictures: TarEntry[] = [];
  #repeated: UserError | undefined;
  isLabelled: boolean;

  constructor(
    private readonly file: string,
    private readonly reading: TarReading,
  ) {
    this.isLabelled = reading === 'webdataset';
  }

  /** Of the samples so far. */
  get names(): string[] {
    return this.isLabelled ? [...this.#samples.keys()] : this.#pictures.map(({ name }) => name);
  }

  /** @param shift where `source` begins in the file */
  async add(source: ByteSource, prefix: string, shift: number, depth = 0): Promise<void> {
    await indexTar(source, async ({ name: plain, offset, size }, bytes) => {
      const name = plain.replace(/^(\.\/)+/, '');
      if (depth < MAX_DEPTH && /\.tar$/i.test(name)) {
        const inner = slice(source, `${this.file}!${name}`, offset, size);
        return this.add(inner, `${prefix}${name.slice(0, -4)}/`, shift + offset, depth + 1);
      }
      const entry = { name: prefix + name, offset: shift + offset, size };
      const { key, extension } = splitName(entry.name);
      if (isPictureName(entry.name)) this.#pictures.push(entry);
      if (this.reading !== 'pictures') await this.pair(key, extension, entry, bytes);
    });
  }

  /** Takes a file as a part of the sample `key`. */
  private async pair(
    key: string,
    extension: string,
    entry: TarEntry,
    bytes: () => Promise<Buffer>,
  ): Promise<void> {
    const isPicture = IMAGE_EXTENSIONS.has(extension);
    const field = LABEL_FIELDS.find((name) => name === extension);
    if (!isPicture && field === undefined) return;
    const sample = this.#samples.get(key) ?? {};
    this.#samples.set(key, sample);
    if (isPicture ? sample.picture !== undefined : sample.labels?.[field!] !== undefined)
      this.#repeated ??= new UserError(
        `${this.file}!${key}: the key has two ${isPicture ? 'pictures' : `.${extension} files`}; keys must be unique in a shard.`,
      );
    if (isPicture) sample.picture = entry;
    else if (entry.size > MAX_LABEL_BYTES)
      throw new UserError(`${this.file}!${key}: .${extension} has ${entry.size} bytes; expected a label.`);
    else sample.labels = { ...sample.labels, [field!]: (await bytes()).toString('utf8') };
    this.isLabelled ||= sample.labels?.cls !== undefined || (!!sample.picture && !!sample.labels);
  }

  labelled(): SampleIndexBuilder {
    if (this.#repeated) throw this.#repeated;
    const samples = new SampleIndexBuilder();
    for (const [key, { picture, labels }] of this.#samples) {
      const name = `${this.file}!${key}`;
      if (picture !== undefined)
        samples.push({ ...picture, name: key, label: parseLabel(labelText(labels ?? {}, name), name) });
      // A JSON or text of its own describes the shard, not a sample.
      else if (labels?.cls !== undefined)
        throw new UserError(`${name} has a label and no picture (${[...IMAGE_EXTENSIONS].join(', ')}).`);
    }
    return samples;
  }

  pictures(): SampleIndexBuilder {
    const samples = new SampleIndexBuilder();
    const names = new Set<string>();
    for (const picture of this.#pictures) {
      if (names.has(picture.name))
        throw new UserError(`${this.file}!${picture.name} is there twice: pack the tar anew.`);
      names.add(picture.name);
      samples.push({ ...picture, label: UNLABELLED });
    }
    return samples;
  }
}

/** By its last ending; hidden files, as the `._x.jpg` that macOS packs along with `x.jpg`, are none. */
function isPictureName(name: string): boolean {
  const file = name.slice(name.lastIndexOf('/') + 1);
  return !file.startsWith('.') && IMAGE_EXTENSIONS.has(file.slice(file.lastIndexOf('.') + 1).toLowerCase());
}

/** WebDataset's rule: the key ends at the first dot of the file's own name. */
function splitName(name: string): { key: string; extension: string } {
  const file = name.slice(name.lastIndexOf('/') + 1);
  const dot = file.startsWith('.') ? -1 : file.indexOf('.');
  if (dot === -1) return { key: name, extension: '' };
  return {
    key: name.slice(0, name.length - file.length + dot),
    extension: file.slice(dot + 1).toLowerCase(),
  };
}

function labelText({ cls, json, txt }: NonNullable<Sample['labels']>, name: string): string {
  if (cls !== undefined) return cls.trim();
  if (json !== undefined) {
    const label = labelOfJson(json, name);
    if (label !== undefined) return label;
  }
  if (txt !== undefined) return txt.trim();
  throw new UserError(
    json === undefined
      ? `${name} has no label: expected ${name.split(/[!/]/).at(-1)}.cls or .json.`
      : `${name} has no label: its .json has no number named "label", and there is no .cls.`,
  );
}

function labelOfJson(json: string, name: string): string | undefined {
  try {
    const { label } = (JSON.parse(json) ?? {}) as { label?: unknown };
    return typeof label === 'number' || typeof label === 'string' ? String(label) : undefined;
  } catch (error) {
    throw new UserError(`${name}: its .json is not JSON.`, { cause: error });
  }
}
