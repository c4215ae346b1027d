import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OperationTime } from '../engines/operation-time.js';
import { OnnxSession, type OnnxSessionOptions } from './session.js';

/** Runs before the one that counts: the first ones take memory and choose kernels. */
const WARM_UP = 2;

/** An entry of the file that onnxruntime writes; times in microseconds. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** Runs a model a few times and tells of its last run when each of its operations ran. */
export async function profileOnnx(
  model: Uint8Array,
  options: OnnxSessionOptions,
  data: Float32Array,
  shape: readonly number[],
): Promise<OperationTime[]> {
  const folder = await mkdtemp(join(tmpdir(), 'recnext-profile-'));
  try {
    const session = await OnnxSession.open(model, { ...options, profile: join(folder, 'run') });
    try {
      for (let i = 0; i <= WARM_UP; i++) await session.run(data, shape);
      session.endProfile();
    } finally {
      await session.dispose();
    }
    const [file] = await readdir(folder);
    return lastRun(JSON.parse(await readFile(join(folder, file!), 'utf8')) as ProfileEvent[]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** onnxruntime's own operations (a fused GELU, a change of layout) bear no module's name: they count for the one before them. */
function lastRun(events: readonly ProfileEvent[]): OperationTime[] {
  const run = events.findLast(({ name }) => name === 'model_run')!;
  let layer = '';
  return events
    .filter(({ cat, ts }) => cat === 'Node' && ts >= run.ts && ts <= run.ts + run.dur)
    .sort((a, b) => a.ts - b.ts)
    .map(({ name, ts, dur, args }) => {
      const slash = name.indexOf('/');
      if (slash > 0) layer = name.slice(0, slash);
      return {
        operation: args?.op_name ?? name,
        layer,
        thread: 0,
        start: ts - run.ts,
        duration: dur,
      };
    });
}
