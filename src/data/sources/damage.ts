import { UserError } from '../../errors.js';

/** The bytes of a file of samples are not what they should be: cut off, or overwritten. Fetched again, they may be right. */
export class DamagedError extends UserError {
  /** @param found names of the samples that were found before the damage */
  constructor(
    message: string,
    readonly found: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Adds the samples that were found before the damage to what is told of it. */
export async function withFound<T>(names: () => readonly string[], list: () => Promise<T>): Promise<T> {
  try {
    return await list();
  } catch (error) {
    if (error instanceof DamagedError) throw new DamagedError(error.message, names(), { cause: error });
    throw error;
  }
}
