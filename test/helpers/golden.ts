import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The reference numbers (`golden/`): beside the checkout for developers and CI, absent on a user's machine.
 * In CI they must be there: tests that read them then fail instead of skipping.
 */
export const GOLDEN = fileURLToPath(new URL('../../../shared/golden/', import.meta.url));

export const hasGolden = existsSync(GOLDEN);

if (!hasGolden && process.env.CI)
  throw new Error(`CI needs the reference numbers at ${GOLDEN}, and they are not there.`);

/** Reason to show when a test that reads the reference numbers skips. */
export const NO_GOLDEN = 'the reference numbers (../shared/golden) are not on this machine';
