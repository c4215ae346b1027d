import { cpus, loadavg } from 'node:os';
import { UserError } from '../errors.js';
import type { OperationTime } from '../runtime/engines/operation-time.js';
import { inTurns, type RunTime } from './peer.js';
import type { Opened } from './protocol.js';
import { KilledError, SettingPeer } from './setting-peer.js';
import type { BenchMode, BenchSetting } from './setting.js';
import { median, quantile } from './statistics.js';
import type { SubjectFacts } from './subject.js';
import type { Versions } from './versions.js';

export interface BenchOptions {
  /** Turns that every setting has. */
  readonly rounds: number;
  /** How long a turn is; one run at least. */
  readonly seconds: number;
  /** Runs before those that count. */
  readonly warmUp: number;
  /** Runs to profile when all are measured; 0: none. */
  readonly profiles: number;
}

export interface BenchHooks {
  notice?(line: string): void;
  /** Rounds done of those with this batch size. */
  onRound?(batchSize: number, done: number): void;
  /** A setting that failed; the others go on. */
  onFailure?(setting: BenchSetting, error: UserError): void;
}

/** What one setting came to. Times in milliseconds, of one run of the whole batch. */
export interface BenchResult extends SubjectFacts {
  readonly mode: BenchMode;
  readonly batchSize: number;
  /** From the median of the runs. */
  readonly imagesPerSecond: number;
  /** From their quartiles: half of all runs were between. */
  readonly imagesPerSecondQuartiles: readonly [low: number, high: number];
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly min: number };
  /** Processor time of a run, of all threads. Median. */
  readonly cpuMs: number;
  /** From the start of its process until the engine was open, and the first run. */
  readonly openMs: number;
  readonly firstRunMs: number;
  /** Runs that were timed, after so many that were not. */
  readonly runs: number;
  readonly warmUp: number;
  /** The most memory that the process of this setting had, in millions of bytes. */
  readonly peakMemoryMB: number;
  readonly amp?: string;
  readonly fused: boolean;
  readonly randomWeights: boolean;
  readonly distillation?: boolean;
  readonly versions: Versions;
  readonly cpu: string;
  /** Of the last minute, before anything was run. */
  readonly loadAverage: number;
}

export interface Measured {
  readonly setting: BenchSetting;
  readonly result: BenchResult;
  /** The operations of each profiled run. */
  readonly profiles: readonly (readonly OperationTime[])[];
}

interface Warm {
  readonly peer: SettingPeer;
  readonly opened: Opened;
  readonly openMs: number;
  readonly firstRunMs: number;
}

/**
 * Measures settings, each in a process of its own; those of one batch size in turns, the batch sizes one after the other. A setting that fails by something a
 * user can change is told to `onFailure` and left out.
 */
export async function* benchmark(
  settings: readonly BenchSetting[],
  options: BenchOptions,
  hooks: BenchHooks = {},
): AsyncGenerator<Measured, void, undefined> {
  const machine = { cpu: cpus()[0]?.model.trim() ?? 'unknown', loadAverage: loadavg()[0]! };
  for (const batchSize of new Set(settings.map((setting) => setting.batchSize))) {
    const peers = new Map<BenchSetting, Warm>();
    try {
      for (const setting of settings.filter((one) => one.batchSize === batchSize)) {
        const warm = await warmUp(setting, options, hooks);
        if (warm !== undefined) peers.set(setting, warm);
      }
      if (peers.size === 0) continue;
      const running = new Map([...peers].map(([setting, { peer }]) => [setting, peer]));
      const times = await inTurns(running, options, (done) => hooks.onRound?.(batchSize, done));
      for (const [setting, warm] of peers) {
        const result = resultOf(setting, warm, times.get(setting)!, options);
        const profiles: (readonly OperationTime[])[] = [];
        while (profiles.length < options.profiles) profiles.push(await warm.peer.profile());
        yield { setting, result: { ...result, ...machine }, profiles };
      }
    } finally {
      for (const { peer } of peers.values()) peer.close();
    }
  }
}

async function warmUp(
  setting: BenchSetting,
  { warmUp }: BenchOptions,
  { notice, onFailure }: BenchHooks,
): Promise<Warm | undefined> {
  const start = performance.now();
  const peer = SettingPeer.start(setting, notice);
  try {
    const opened = await peer.open();
    const openMs = performance.now() - start;
    const [first] = await peer.run(0);
    for (let run = 1; run < warmUp; run++) await peer.run(0);
    return { peer, opened, openMs, firstRunMs: first!.ms };
  } catch (caught) {
    peer.close();
    const error = caught instanceof KilledError ? await explained(setting, caught) : caught;
    // Called wrongly, it is the whole command that is wrong.
    if (!(error instanceof UserError) || error.exitCode === 2 || onFailure === undefined) throw error;
    onFailure(setting, error);
    return undefined;
  }
}

/** What to tell of a setting whose process did not outlive its first runs. */
async function explained(setting: BenchSetting, killed: KilledError): Promise<Error> {
  const peer = SettingPeer.start(setting);
  try {
    await peer.open();
    const shortage = await peer.shortage();
    return shortage === undefined
      ? new Error(`${killed.message}: ${killed.said}`, { cause: killed })
      : new UserError(`${killed.message}, probably for want of memory: ${shortage}`, { cause: killed });
  } finally {
    peer.close();
  }
}

function resultOf(
  setting: BenchSetting,
  { peer, opened, openMs, firstRunMs }: Warm,
  times: readonly RunTime[],
  { warmUp }: BenchOptions,
): Omit<BenchResult, 'cpu' | 'loadAverage'> {
  const { mode, batchSize, classifier, compute, distil } = setting;
  const ms = times.map((time) => time.ms);
  const rate = (milliseconds: number) => (1000 * batchSize) / milliseconds;
  return {
    ...opened.facts,
    mode,
    batchSize,
    imagesPerSecond: rate(median(ms)),
    imagesPerSecondQuartiles: [rate(quantile(ms, 0.75)), rate(quantile(ms, 0.25))],
    latencyMs: { p50: median(ms), p90: quantile(ms, 0.9), min: Math.min(...ms) },
    cpuMs: median(times.map(({ cpuMs }) => cpuMs)),
    openMs,
    firstRunMs,
    runs: times.length,
    warmUp,
    peakMemoryMB: peer.peakBytes / 1e6,
    ...(compute.amp !== undefined && { amp: compute.amp }),
    fused: classifier.fuse ?? false,
    randomWeights: classifier.randomWeights ?? false,
    ...(mode === 'train' && { distillation: distil ?? false }),
    versions: opened.versions,
  };
}
