/** Where set-up tells what it does. */
export interface SetupLog {
  /** A step begins or ends. */
  step(line: string): void;
  /** How far the current step is: shown in place on a terminal, now and then elsewhere. */
  progress(line: string): void;
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Reports `describe()` with the seconds gone by, every half second until `work` ends. */
export async function withProgress<T>(
  log: SetupLog,
  describe: () => string | Promise<string>,
  work: Promise<T>,
): Promise<T> {
  const start = performance.now();
  const timer = setInterval(() => {
    void Promise.resolve(describe()).then((text) =>
      log.progress(`${text}, ${Math.round((performance.now() - start) / 1000)} s`),
    );
  }, 500);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
