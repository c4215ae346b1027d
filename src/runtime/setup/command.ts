import { spawn } from 'node:child_process';

export interface CommandResult {
  /** Exit code; undefined when the program is not there or a signal ended it. */
  code: number | undefined;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end, without a shell and without input. Never throws: a missing program has no exit code. */
export function runCommand(
  [program, ...args]: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const result: CommandResult = { code: undefined, stdout: '', stderr: '' };
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text));
    child.on('error', (error) => resolve({ ...result, stderr: error.message }));
    child.on('close', (code) => resolve({ ...result, code: code ?? undefined }));
  });
}

/** The line of a program's output that says why it failed: the first with "error" in it, else the last one. */
export function failureLine({ stderr, stdout }: CommandResult): string {
  const lines = `${stderr}\n${stdout}`.split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /\berror\b/i.test(line)) ??
    lines.filter((line) => line !== '').at(-1) ??
    'it said nothing'
  );
}
