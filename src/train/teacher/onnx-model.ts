import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseMetadata } from '../../convert/model-metadata.js';
import { UserError } from '../../errors.js';
import { onnxMetadata } from '../../graph/emit/onnx/metadata.js';
import { modelDataConfig } from '../../models/model-config.js';
import type { EngineOptions } from '../../runtime/engines/choose.js';
import { OnnxSession } from '../../runtime/onnx/index.js';
import { filesFingerprint } from './fingerprint.js';
import { imagesAmong, logitsAmong } from './ports.js';
import type { TeacherModel } from './teacher-model.js';

/**
 * An ONNX model of any origin in onnxruntime. Names of its classes and its normalisation are known where this toolkit wrote it.
 *
 * @throws UserError where onnxruntime is missing or does not open it, or it takes something else than one batch of images
 */
export async function openOnnxModel(
  path: string,
  engine: EngineOptions | undefined,
  notice: (line: string) => void,
): Promise<TeacherModel> {
  const session = await openSession(path, engine, notice);
  const metadata = await metadataOf(path);
  const { mean, std } = metadata ? modelDataConfig(metadata.config) : {};
  const { name: output } = logitsAmong(session.outputs, path);
  return {
    format: 'an ONNX model',
    input: imagesAmong(session.inputs, path).input,
    normalisation: mean && std && { mean, std },
    classNames: metadata?.classNames,
    fingerprint: await filesFingerprint(await filesOf(path)),
    notes: ['an ONNX model, run by onnxruntime'],
    run: async ({ data, shape }) => session.runFor(output, data, shape),
    dispose: () => void session.dispose(),
  };
}

/** On the device of the run, or where onnxruntime does not know that, on the processor. */
async function openSession(
  path: string,
  { device = 'cpu', threads }: Partial<EngineOptions> = {},
  notice: (line: string) => void,
): Promise<OnnxSession> {
  if (device !== 'cpu')
    try {
      return await OnnxSession.open(path, { device, threads });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      notice(error.message);
    }
  return OnnxSession.open(path, { threads });
}

/** What this toolkit wrote into a file of its own. A file too large for the message format has its weights elsewhere, and is small itself. */
async function metadataOf(path: string): Promise<ReturnType<typeof parseMetadata> | undefined> {
  const text = onnxMetadata(await readFile(path)).get('recnext');
  if (text === undefined) return undefined;
  let recnext: unknown;
  try {
    recnext = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}: its metadata "recnext" is not JSON.`, { cause: error });
  }
  return parseMetadata({ userDefinedMetadata: { recnext } }, path);
}

/** The file, and those beside it that hold its weights (`model.onnx.data`, `model.onnx_data`). */
async function filesOf(path: string): Promise<string[]> {
  const folder = dirname(path);
  const names = await readdir(folder);
  return names.filter((name) => name.startsWith(basename(path))).map((name) => join(folder, name));
}
