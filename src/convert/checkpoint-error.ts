import { UserError } from '../errors.js';

/** Why a checkpoint was refused. */
export type CheckpointErrorKind =
  /** Nothing at that path, or a file of the set is not there. */
  | 'missing'
  | 'empty'
  /** A folder in which no checkpoint was recognised. */
  | 'directory'
  /** A web page, or another server's answer, saved under the checkpoint's name. */
  | 'html'
  | 'lfs-pointer'
  | 'unknown-format'
  /** A known format in a variant that is not read (encrypted zip, quantised tensors, graph models, …). */
  | 'unsupported'
  /** The file ends before its own lengths say. */
  | 'truncated'
  /** The file contradicts itself. */
  | 'corrupt'
  /** A count, length or depth that no checkpoint needs. */
  | 'limit'
  /** Unpacked, it would take more memory than three times the file plus 64 MB. */
  | 'memory'
  /** A file name inside a container that could lead out of it. */
  | 'unsafe-name'
  /** No tensors, or not the ones asked for. */
  | 'no-weights'
  /** The file changed between two reads. */
  | 'changed';

const MAX_MESSAGE = 1000;

/** Names and values from files can carry line breaks and terminal commands, and be endless: shown, they must not act. */
export const printable = (text: string): string =>
  (text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text)
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');

/** A checkpoint that cannot be read, with the reason in a form programs can act on. */
export class CheckpointError extends UserError {
  override readonly name = 'CheckpointError';

  constructor(
    readonly kind: CheckpointErrorKind,
    /** File or tensor the message is about. */
    readonly where: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(printable(`${where}: ${message}`), options);
  }
}
