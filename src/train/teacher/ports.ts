import { UserError } from '../../errors.js';
import { inputOf, type TeacherInput } from './teacher-model.js';

/** An input or a result of a model, as its file describes it. */
export interface Port {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly unknown[];
}

/** The one input, if it is a batch of RGB images. @param where the file, for messages */
export function imagesAmong<P extends Port>(
  inputs: readonly P[],
  where: string,
): { port: P; input: TeacherInput } {
  const [port] = inputs;
  const input = inputs.length === 1 && port!.type === 'float32' ? inputOf(port!.shape) : undefined;
  if (input !== undefined) return { port: port!, input };
  throw new UserError(`${where}: it takes ${list(inputs)}, expected one float32 batch of RGB images.`);
}

/** Of several results the one called logits, or the first one of two axes. */
export function logitsAmong<P extends Port>(outputs: readonly P[], where: string): P {
  const floats = outputs.filter(({ type }) => type === 'float32');
  const found =
    floats.find(({ name }) => name === 'logits') ??
    floats.find(({ shape }) => shape.length === 2) ??
    (floats.length === 1 ? floats[0] : undefined);
  if (found !== undefined) return found;
  throw new UserError(`${where}: it gives ${list(outputs)}, expected float32 logits [batch, classes].`);
}

function list(ports: readonly Port[]): string {
  return (
    ports.map(({ name, type, shape }) => `${name} ${type} [${shape.join(', ')}]`).join(' and ') || 'nothing'
  );
}
