import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeBackends } from '../helpers/backends.js';
import { buildForNode } from '../helpers/build-for-node.js';
import { colorFolders } from './helpers/color-folders.js';

// Windows has no signals to send.
describeBackends(process.platform === 'win32' ? [] : ['node'], 'a run that is told to stop', (backend) => {
  let dir: string;
  let folder: string;
  let script: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-signal-'));
    await colorFolders(join(dir, 'data'), { train: 8, val: 3 });
    ({ folder, script } = await buildForNode('cli/main.ts'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
    await rm(folder, { recursive: true });
  });

  /** Starts a long run and sends the signals one after the other once it is under way. */
  const stopped = (output: string, ...signals: NodeJS.Signals[]) =>
    new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>((resolve) => {
      const args = ['train', '--model', 'recnext_m0', '--data', join(dir, 'data'), '--input-size', '16', '--batch-size', '6', '-o', output, '--backend', backend]; // prettier-ignore
      const child = spawn(process.execPath, [script, ...args]);
      const text = { stdout: '', stderr: '' };
      child.stdout.on('data', (data) => (text.stdout += String(data)));
      child.stderr.on('data', (data) => {
        const before = text.stderr;
        text.stderr += String(data);
        const appeared = (line: string) => text.stderr.includes(line) && !before.includes(line);
        if (appeared('run folder:') || appeared('ending after this step')) {
          const signal = signals.shift();
          if (signal) child.kill(signal);
        }
      });
      child.on('close', (code, signal) => resolve({ code, signal, ...text }));
    });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    '%s: ends the step, writes a checkpoint, gives the folder back, exits with %i',
    async (signal, code) => {
      const run = join(dir, signal);
      const result = await stopped(run, signal);
      expect(result.code, result.stderr).toBe(code);
      expect(result.stdout).toMatch(/^stopped after 0 epochs and \d+ steps\ncheckpoint: .*epoch-0000-step-/);
      expect(await readdir(join(run, 'checkpoints'))).toHaveLength(1);
      expect(existsSync(join(run, 'run.lock'))).toBe(false);
    },
  );

  it('a second one ends it at once', async () => {
    const result = await stopped(join(dir, 'twice'), 'SIGTERM', 'SIGTERM');
    expect(result).toMatchObject({ code: null, signal: 'SIGTERM', stdout: '' });
  });
});
