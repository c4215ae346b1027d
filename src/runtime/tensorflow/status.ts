import type { CApi, Pointer } from './c-api.js';

/** TF_Code, from tsl/c/tsl_status.h. */
const CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type TensorFlowCode = (typeof CODES)[number];

/** TensorFlow refused or failed. The message keeps its text, which names the graph's nodes. */
export class TensorFlowError extends Error {
  override readonly name = 'TensorFlowError';

  constructor(
    /** `RESOURCE_EXHAUSTED`: out of memory. */
    readonly code: TensorFlowCode,
    message: string,
  ) {
    super(message);
  }
}

/** Long texts end in a list of all devices or a hint for Python. */
const MAX_LENGTH = 1500;

/** @param doing what was tried, for the message */
export function checkStatus(api: CApi, status: Pointer, doing: string): void {
  const code = api.GetCode(status);
  if (code === 0) return;
  const text = api.Message(status).trim();
  throw new TensorFlowError(
    CODES[code] ?? 'UNKNOWN',
    `${doing}: ${text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)} …` : text}`,
  );
}

/** Calls `work` with a status, turns what it says into an error, and frees it. */
export function withStatus<T>(api: CApi, doing: string, work: (status: Pointer) => T): T {
  const status = api.NewStatus();
  try {
    const result = work(status);
    checkStatus(api, status, doing);
    return result;
  } finally {
    api.DeleteStatus(status);
  }
}
