import { UserError } from '../errors.js';

/** Where converters for browsers put ONNX files, beside the config.json of the model. */
const ONNX_FOLDER = 'onnx/';

/**
 * The ONNX file that a folder of a model means: the only one there, or `model.onnx` among several (quantised forms lie beside it); else one in `onnx/`.
 *
 * @param names of all files, by their path from the folder on
 * @param where what a message calls the folder
 * @throws UserError for several that none can be chosen from
 */
export function onnxAmong(names: readonly string[], where: string): string | undefined {
  for (const folder of ['', ONNX_FOLDER]) {
    const found = within(folder, names).filter((name) => /\.onnx$/i.test(name));
    const plain = `${folder}model.onnx`;
    if (found.length === 1 || found.includes(plain)) return found.length === 1 ? found[0] : plain;
    if (found.length > 1)
      throw new UserError(
        `${where} has several ONNX files (${found.slice(0, 5).join(', ')}${found.length > 5 ? ', …' : ''}): say which, as in ${where}/${found[0]}`,
      );
  }
  return undefined;
}

/**
 * The files of a model that was exported for another runtime, a SavedModel or an ONNX file with its weights, by their path from its folder on; undefined where
 * there is none.
 *
 * @throws UserError for several that none can be chosen from
 */
export function exportedFiles(names: readonly string[], where: string): string[] | undefined {
  if (names.includes('saved_model.pb'))
    return ['saved_model.pb', ...within('variables/', names), ...within('assets/', names)];
  const onnx = onnxAmong(names, where);
  // Weights too large for the file itself lie beside it: model.onnx.data, model.onnx_data.
  if (onnx === undefined) return undefined;
  return within(onnx.slice(0, onnx.lastIndexOf('/') + 1), names).filter((name) => name.startsWith(onnx));
}

/** Files that lie in a folder itself, under plain names: lists come from servers too. */
function within(folder: string, names: readonly string[]): string[] {
  return names.filter(
    (name) => name.startsWith(folder) && /^[^./\\:][^/\\:]*$/.test(name.slice(folder.length)),
  );
}
