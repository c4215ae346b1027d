import { vi } from 'vitest';
import { run } from '../../../cli/program.js';

export interface CliRun {
  code: number;
  stdout: string;
  stderr: string;
}

/** The command line in this process, with what it writes. */
export async function runCli(...args: readonly (string | number)[]): Promise<CliRun> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += String(text);
      return true;
    }),
  );
  try {
    const code = await run(['node', 'recnext', ...args.map(String)]);
    return { code, ...written };
  } finally {
    spies.forEach((spy) => spy.mockRestore());
  }
}
