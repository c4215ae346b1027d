import { syncBuiltinESMExports } from 'node:module';
import * as fs from 'node:fs';

/** Calls that are left to the process; its last one is not made. */
let left = 0;

export const isLastCall = (): boolean => --left === 0;
export const die = (): void => void process.kill(process.pid, 'SIGKILL');

/** Kills the process without warning at its n-th call to one of these functions of `fs.promises` (0: never). To be said before anything imports them. */
export function dieAtCall(calls: number, names: readonly string[]): void {
  left = calls;
  const promises = fs.promises as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of names) {
    const call = promises[name]!;
    promises[name] = (...args) => {
      if (isLastCall()) die();
      return call(...args);
    };
  }
  syncBuiltinESMExports();
}
