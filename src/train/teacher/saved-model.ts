import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { readSignature, type SavedModelSignature } from '../../graph/emit/saved-model/signature.js';
import type { EngineOptions } from '../../runtime/engines/choose.js';
import { tensorFlowOptions } from '../../runtime/engines/session-options.js';
import { TensorFlowError, TensorFlowSession } from '../../runtime/tensorflow/index.js';
import { filesFingerprint } from './fingerprint.js';
import { imagesAmong, logitsAmong } from './ports.js';
import type { TeacherModel } from './teacher-model.js';

/**
 * A SavedModel of any origin in libtensorflow, its variables included.
 *
 * @throws UserError where there is no libtensorflow, it does not load the model, or that takes something else than one batch of images
 */
export async function openSavedModel(
  folder: string,
  engine: EngineOptions | undefined,
): Promise<TeacherModel> {
  const signature = await signatureOf(folder);
  const { port, input } = imagesAmong(signature.inputs, folder);
  const output = logitsAmong(signature.outputs, folder);
  const session = await TensorFlowSession.openSavedModel(
    folder,
    signature.tag,
    tensorFlowOptions(engine ?? { engine: 'tensorflow' }),
  ).catch((error: unknown) => {
    if (!(error instanceof TensorFlowError)) throw error;
    throw new UserError(`${folder}: TensorFlow does not load the SavedModel (${error.message}).`, {
      cause: error,
    });
  });
  return {
    format: 'a SavedModel',
    input,
    normalisation: undefined,
    classNames: undefined,
    fingerprint: await filesFingerprint(await filesOf(folder)),
    notes: ['a SavedModel, run by libtensorflow'],
    async run({ data, shape }) {
      const [logits] = await session.run({
        feeds: new Map([[port.tensor, { dtype: 'float32', shape, data }]]),
        fetches: [output.tensor],
      });
      return { data: logits!.data as Float32Array, shape: logits!.shape };
    },
    dispose: () => session.dispose(),
  };
}

async function signatureOf(folder: string): Promise<SavedModelSignature> {
  const path = join(folder, 'saved_model.pb');
  try {
    return readSignature(await readFile(path));
  } catch (error) {
    throw new UserError(`${path}: ${(error as Error).message}.`, { cause: error });
  }
}

/** All that decides what it computes: the graph and its variables. */
async function filesOf(folder: string): Promise<string[]> {
  const variables = join(folder, 'variables');
  const names = await readdir(variables).catch((): string[] => []);
  return [join(folder, 'saved_model.pb'), ...names.map((name) => join(variables, name))];
}
