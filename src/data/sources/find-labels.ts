import path from 'node:path';
import { UserError } from '../../errors.js';
import { openGzipSource } from './byte-source.js';
import {
  GROUND_TRUTH,
  labelsInNames,
  listNames,
  parseGroundTruth,
  parseLabelList,
  type LabelList,
} from './label-list.js';
import type { SourceContext } from './source-context.js';
import { indexTar } from './tar-index.js';

/** Where ImageNet's development kit has the ground truth, relative to where it was put or unpacked. */
const KIT = 'ILSVRC2012_devkit_t12';
const GROUND_TRUTHS = [GROUND_TRUTH, `${KIT}/data/${GROUND_TRUTH}`, `data/${GROUND_TRUTH}`];
/** The kit as it is published; it has 2.5 MB. */
const KIT_ARCHIVE = `${KIT}.tar.gz`;
const MAX_KIT = 2 ** 28;

/** A place where lists of labels may lie. */
export interface LabelPlace {
  /** For messages. */
  readonly name: string;
  /** Reads a text there; undefined where there is none. */
  text(name: string): Promise<string | undefined>;
  /** Path of a file on this machine, whether it is there or not; undefined for places elsewhere. */
  local(name: string): string | undefined;
}

/**
 * Labels of pictures without class folders: a list beside them (`labels.txt`, `val.txt`), the ground truth of ImageNet's development kit
 * (the file, the unpacked kit or its archive), or the synsets in the names of the pictures.
 *
 * @param places where to look, the nearest first
 * @param folder what the folder of the pictures, or their tar, is called: `val` for a `val.txt`
 * @param first the first picture's name
 * @throws UserError when there is none, naming what was looked for
 */
export async function findLabels(
  context: SourceContext,
  places: readonly LabelPlace[],
  folder: string,
  first: string,
  pictures: number,
): Promise<LabelList> {
  const names = listNames(context.wanted, folder);
  for (const place of places) {
    for (const name of names) {
      const text = await place.text(name);
      if (text !== undefined) return parseLabelList(text, path.join(place.name, name), pictures);
    }
    for (const name of GROUND_TRUTHS) {
      const text = await place.text(name);
      if (text !== undefined) return parseGroundTruth(text, path.join(place.name, name));
    }
    const archive = place.local(KIT_ARCHIVE);
    const text = archive && (await groundTruthOf(archive));
    if (archive && text !== undefined) return parseGroundTruth(text, `${archive}!${GROUND_TRUTH}`);
  }
  const named = labelsInNames(first, context.source);
  if (named !== undefined) return named;
  throw new UserError(
    `${context.source} holds ${pictures} pictures and no labels: expected class folders, or ${names.join(' or ')} beside the pictures (a path and a label a line)${/ILSVRC2012_val/.test(first) ? `, or ${GROUND_TRUTH} or ${KIT_ARCHIVE}` : ''}.`,
  );
}

async function groundTruthOf(archive: string): Promise<string | undefined> {
  let text: string | undefined;
  const source = await openGzipSource(archive, MAX_KIT).catch((error: unknown) => {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw error;
  });
  if (source === undefined) return undefined;
  await indexTar(source, async ({ name }, bytes) => {
    if (name.endsWith(`/${GROUND_TRUTH}`)) text = (await bytes()).toString('latin1');
  });
  if (text === undefined) throw new UserError(`${archive} has no ${GROUND_TRUTH} in it: fetch it again.`);
  return text;
}
