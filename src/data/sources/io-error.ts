import { UserError } from '../../errors.js';

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder, a file was expected',
  ENOTDIR: 'it is a file, a folder was expected',
  EMFILE: 'too many open files',
  ELOOP: 'a symbolic link leads back to itself',
};

/** A failed file operation in words for the user. */
export function readError(path: string, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code;
  const explanation = code === undefined ? undefined : EXPLANATIONS[code];
  const detail = error instanceof Error ? error.message : String(error);
  return new UserError(
    `cannot read ${path}: ${explanation === undefined ? detail : `${explanation} (${code})`}.`,
    { cause: error },
  );
}
