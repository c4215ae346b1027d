/** Told how a file of known size comes in. */
export interface FetchProgress {
  /** Bytes that are there, those of an earlier attempt included. */
  update(bytes: number): void;
  /** Whole, or given up. */
  done(): void;
}

/** How patient fetching is. */
export interface FetchTiming {
  /** Milliseconds without a byte after which a connection counts as dead. Default: `HF_HUB_DOWNLOAD_TIMEOUT` seconds, or 30 s. */
  readonly stallMs: number;
  /** Failures in a row, without progress between them, that are tried again. Default 5. */
  readonly retries: number;
  /** Milliseconds before the first new attempt; doubled before each further one, at most 30 s. Default 1 s. */
  readonly backoffMs: number;
  /** Milliseconds between looks at a file that another process fetches. Default 1 s. */
  readonly pollMs: number;
}

export interface FetchOptions {
  /** Told what is fetched and what went otherwise than expected, a line each. */
  readonly notice?: (line: string) => void;
  /** Called when a file of known size begins to come in. */
  readonly startProgress?: (file: string, bytes: number) => FetchProgress;
  /** Ends the fetching; what has come is kept and resumed next time. */
  readonly signal?: AbortSignal;
  readonly timing?: Partial<FetchTiming>;
}

export function fetchTiming({ timing }: FetchOptions): FetchTiming {
  const seconds = Number(process.env.HF_HUB_DOWNLOAD_TIMEOUT);
  return {
    stallMs: seconds > 0 ? seconds * 1000 : 30_000,
    retries: 5,
    backoffMs: 1000,
    pollMs: 1000,
    ...timing,
  };
}
