// Reads one mutated checkpoint and holds the result against what the readers promise.
import { readCheckpoint } from '../../dist/src/convert/checkpoint.js';
import { CheckpointError } from '../../dist/src/convert/checkpoint-error.js';
import { TensorRef } from '../../dist/src/convert/read/tensor-ref.js';
import { bufferSource, sourceFolder } from '../../dist/src/convert/source/byte-source.js';

/** A case is a list of [name, bytes]: one file, or the files of a folder. */
export function toSource(files) {
  const sources = files.map(([name, bytes]) => [name, bufferSource(bytes, name)]);
  return sources.length === 1 ? sources[0][1] : sourceFolder('folder', sources);
}

/** Tensors among the inert data, which are read too: they come from the same file. */
function* lazyTensors(value, seen = new Set()) {
  if (value instanceof TensorRef) yield value;
  else if (value instanceof Map) for (const entry of value.values()) yield* lazyTensors(entry, seen);
  else if (Array.isArray(value)) for (const entry of value) yield* lazyTensors(entry, seen);
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/**
 * `ok` or the kind of the error.
 * @throws Error when a promise is broken: another kind of error, a tensor that does not fill its shape, a changed global
 */
export async function readOne(files) {
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  let outcome = 'ok';
  try {
    const { tensors, extras } = await readCheckpoint(toSource(files));
    for (const [name, { shape, data }] of tensors)
      check(
        data.length === shape.reduce((a, b) => a * b, 1),
        `${name}: ${data.length} values for [${shape}]`,
      );
    for (const value of extras.values()) for (const tensor of lazyTensors(value)) await tensor.read();
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    check(error.message.length < 1200 && !error.message.includes('\n'), `unfit message: ${error.message}`);
    outcome = error.kind;
  }
  check(Object.getOwnPropertyNames(Object.prototype).length === before, 'a prototype was changed');
  return outcome;
}
