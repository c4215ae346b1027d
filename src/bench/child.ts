import { UserError } from '../errors.js';
import { isOutOfMemory } from '../runtime/out-of-memory.js';
import type { RunTime } from './peer.js';
import type { FromChild, ToChild } from './protocol.js';
import type { BenchSetting } from './setting.js';
import { openSubject, type Subject } from './subject.js';
import { versionsOf } from './versions.js';

/*
 * Started by setting-peer.ts: one setting in a process of its own, so that its memory is its own, and threads of one native library don't meet those of another.
 */

const setting = JSON.parse(process.argv[2]!) as BenchSetting;
const send = (message: FromChild): void => void process.send?.(message);
let subject: Subject;
let last = Promise.resolve();

process.on('message', (message) => {
  last = last.then(() => answer(message as ToChild).then(send, (error: unknown) => send(failure(error))));
});
// The parent is gone: there is nobody to measure for.
process.on('disconnect', () => process.exit(0));

function failure(error: unknown): FromChild {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UserError) return { kind: 'failed', message, exitCode: error.exitCode };
  // The images themselves: no engine has come to them.
  if (isOutOfMemory(error))
    return {
      kind: 'failed',
      message: `out of memory (${message}). Choose a smaller --batch-size.`,
      exitCode: 1,
    };
  return { kind: 'failed', message };
}

async function answer(message: ToChild): Promise<FromChild> {
  switch (message.kind) {
    case 'open': {
      subject = await openSubject(setting, { notice: (line) => send({ kind: 'notice', line }) });
      return { kind: 'opened', opened: { facts: subject.facts, versions: await versionsOf(subject.facts) } };
    }
    case 'run': {
      const times = await timedRuns(message.seconds);
      // Kilobytes, on every platform.
      return { kind: 'ran', ran: { times, peakBytes: 1024 * process.resourceUsage().maxRSS } };
    }
    case 'profile':
      return { kind: 'profiled', operations: await subject.profile() };
    case 'shortage':
      return { kind: 'short', line: subject.shortage() };
  }
}

async function timedRuns(seconds: number): Promise<RunTime[]> {
  const times: RunTime[] = [];
  const end = performance.now() + 1000 * seconds;
  do {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await subject.run();
    const { user, system } = process.cpuUsage(cpu);
    times.push({ ms: performance.now() - start, cpuMs: (user + system) / 1000 });
  } while (performance.now() < end);
  return times;
}
