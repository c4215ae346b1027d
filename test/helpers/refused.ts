import { expect } from 'vitest';
import { UserError } from '../../src/errors.js';

/** Expects a promise to be rejected with a UserError of this message. */
export async function refused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toMatch(message);
}
