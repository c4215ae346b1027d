import { benchmark, type Measured } from '../src/bench/benchmark.js';
import { chromeTrace } from '../src/bench/chrome-trace.js';
import { profileOf } from '../src/bench/profile.js';
import type { BenchSetting } from '../src/bench/setting.js';
import { UsageError, UserError } from '../src/errors.js';
import { writeFileAtomic } from '../src/runtime/files.js';
import { benchCsv, benchTable, profileTables, settingLabel } from './bench-text.js';
import type { BenchCommandOptions } from './bench.js';
import type { Output, Progress } from './shared/output.js';

/** Runs that a profile is the mean of. */
const PROFILED_RUNS = 3;

export async function runBenchCommand(options: BenchCommandOptions, output: Output): Promise<void> {
  const { csv, trace, profile = false, rounds, seconds, warmup: warmUp } = options;
  if (csv === true && output.json)
    throw new UsageError('--csv without a file and --json both write to stdout: give --csv a file.');
  const settings = settingsOf(options);
  const measured: (Measured & { profile?: ReturnType<typeof profileOf> })[] = [];
  const failures: UserError[] = [];
  let progress: Progress | undefined;
  const benched = benchmark(
    settings,
    { rounds, seconds, warmUp, profiles: profile || trace !== undefined ? PROFILED_RUNS : 0 },
    {
      notice: (line) => output.info(line),
      onRound: (batchSize, done) => {
        progress ??= output.progress(`batch ${batchSize}`, rounds);
        progress.update(done);
        if (done < rounds) return;
        progress.done();
        progress = undefined;
      },
      onFailure: (setting, error) => {
        failures.push(error);
        // A single setting's failure is the command's.
        if (settings.length > 1) output.error(`${settingLabel(setting)}: ${error.message}`);
      },
    },
  );
  for await (const one of benched) {
    const profiled = { ...one, ...(profile && { profile: profileOf(one.profiles) }) };
    measured.push(profiled);
    if (output.json) output.result({ ...one.result, ...(profile && { profile: profiled.profile }) }, '');
  }
  if (measured.length > 0) await show();
  if (settings.length === 1 && failures.length === 1) throw failures[0]!;
  if (failures.length > 0) throw new UserError(`${failures.length} of ${settings.length} settings failed.`);

  async function show(): Promise<void> {
    const results = measured.map(({ result }) => result);
    if (typeof csv === 'string') await writeFileAtomic(csv, benchCsv(results));
    if (csv === true) process.stdout.write(benchCsv(results));
    else if (!output.json) {
      output.result(undefined, benchTable(results));
      for (const { result, profile } of measured)
        if (profile !== undefined) output.result(undefined, `\n${profileTables(result, profile)}`);
    }
    if (trace !== undefined) {
      const runs = measured.map(({ setting, profiles }) => ({
        name: settingLabel(setting),
        operations: profiles.at(-1)!,
      }));
      await writeFileAtomic(trace, chromeTrace(runs));
      output.info(`${trace}: open it in ui.perfetto.dev or chrome://tracing`);
    }
  }
}

/** Every model on every engine at every batch size. */
function settingsOf(options: BenchCommandOptions): BenchSetting[] {
  const { mode, model: models, weights, pretrained, randomWeights, fuse, numClasses, inputSize } = options;
  const { backend, device, threads, amp, seed, distillation } = options;
  if (weights !== undefined && models !== undefined && models.length > 1)
    throw new UsageError(`--weights are of one model, found --model ${models.join(' ')}.`);
  if (distillation && mode !== 'train') throw new UsageError('--distillation goes with --mode train.');
  const batchSizes = options.batchSize ?? (mode === 'train' ? [16] : [1, 16]);
  return [...new Set(batchSizes)].flatMap((batchSize) =>
    [...new Set(models ?? [undefined])].flatMap((model) =>
      [...new Set(options.engine)].map((engine) => ({
        classifier: { model, weights, pretrained, randomWeights, fuse, numClasses, inputSize, seed },
        mode,
        batchSize,
        compute: { backend, engine, device, threads, amp },
        stockOperations: !options.ownOperations,
        distil: distillation,
      })),
    ),
  );
}
