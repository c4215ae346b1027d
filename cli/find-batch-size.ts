import { spawn } from 'node:child_process';
import { totalmem } from 'node:os';
import { isMixing } from '../src/data/mixing/index.js';
import { UserError } from '../src/errors.js';
import { OUT_OF_MEMORY } from '../src/runtime/out-of-memory.js';
import { findBatchSize, type Trial } from '../src/train/find-batch-size.js';
import { mergeConfig, type ConfigLayer } from '../src/train/load-config.js';
import type { Output } from './shared/output.js';

/** How a process ends that the system, or itself for lack of memory, has killed. */
const KILLED: readonly (NodeJS.Signals | null)[] = ['SIGKILL', 'SIGABRT', 'SIGSEGV', 'SIGBUS'];
const OF_THE_SEARCH = ['--find-batch-size', '--dry-run', '--json', '--quiet', '--print-config'];

/**
 * Finds the largest batch by dry runs in processes of their own, so that one that takes too much memory takes nothing else with it.
 *
 * @param argv arguments of this process, from the command's name on
 */
export async function findBatchSizeCommand(
  argv: readonly string[],
  layers: readonly ConfigLayer[],
  { device }: { readonly device: string },
  output: Output,
): Promise<void> {
  const config = mergeConfig(...layers);
  const trial = async (batch: number): Promise<Trial> => {
    const result = await dryRun([...withoutSearch(argv), '--batch-size', String(batch)], batch);
    output.info(`batch ${batch}: ${result.said}`);
    return result;
  };
  const batch = await findBatchSize(trial, {
    start: Math.min(16, config.batchSize),
    multiple: isMixing(config) ? 2 : 1,
    // A GPU's memory is its own; only trials tell how much of it there is.
    ...(device === 'cpu' && { limitBytes: availableMemory() }),
  });
  if (batch === undefined)
    throw new UserError(
      'not even the smallest batch fits into memory: choose a smaller --model or --input-size, or --device.',
    );
  output.result({ batchSize: batch }, `--batch-size ${batch}`);
}

/** What the system lets this process have; Node.js 20.13 and later know the limit of a container. */
function availableMemory(): number {
  return process.availableMemory?.() ?? totalmem();
}

/** The arguments without those of the search and without a batch size. */
function withoutSearch(argv: readonly string[]): string[] {
  return argv.filter(
    (word, i) =>
      !OF_THE_SEARCH.includes(word) && !/^--batch-size(=|$)/.test(word) && argv[i - 1] !== '--batch-size',
  );
}

type DryTrial = Trial & { readonly said: string };

async function dryRun(args: readonly string[], batch: number): Promise<DryTrial> {
  const child = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1]!, ...args, '--dry-run', '--json', '--quiet'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-10_000)));
  const { code, signal } = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
    (resolve, reject) => child.on('error', reject).on('close', (code, signal) => resolve({ code, signal })),
  );
  if (code === 0) {
    const { peakBytes, imagesPerSecond } = JSON.parse(stdout) as {
      peakBytes: number;
      imagesPerSecond: number;
    };
    return {
      fits: true,
      peakBytes,
      said: `fits (${(peakBytes / 1e9).toFixed(2)} GB, ${imagesPerSecond.toFixed(1)} images/s)`,
    };
  }
  if (/fewer than one batch/.test(stderr)) return { fits: false, said: 'more than the images there are' };
  if (KILLED.includes(signal) || OUT_OF_MEMORY.test(stderr))
    return { fits: false, said: 'does not fit into memory' };
  if (signal !== null) throw new UserError(`the trial of batch ${batch} was stopped by ${signal}.`);
  throw new UserError(
    `the trial of batch ${batch} failed: ${stderr
      .trim()
      .split('\n')
      .at(-1)!
      .replace(/^error: /, '')}`,
  );
}
