import { describePipeline } from '../src/train/describe-pipeline.js';
import type { DryRun } from '../src/train/dry-run.js';
import { describeConfig } from '../src/train/load-config.js';
import { duration } from './shared/duration.js';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** A dry run for people. */
export function dryRunText(run: DryRun): string {
  const { config, parameters, trainedParameters, learningRates } = run;
  const count = (value: number) => value.toLocaleString('en');
  const rates = [0, config.warmupEpochs + 1, Math.floor(config.epochs / 2), config.epochs - 1]
    .filter((epoch, i, all) => epoch < config.epochs && all.indexOf(epoch) === i)
    .sort((a, b) => a - b)
    .map((epoch) => `epoch ${epoch}: ${learningRates[epoch]!.toExponential(2)}`);
  return [
    ...describeConfig(config),
    '',
    `images:         ${count(run.images)} an epoch, ${count(run.validationImages)} to validate`,
    `pipeline:       ${describePipeline(config).join(' > ')}`,
    `parameters:     ${count(parameters)}${trainedParameters === parameters ? '' : `, ${count(trainedParameters)} of them learn`}`,
    `steps:          ${count(run.batchesPerEpoch)} batches an epoch, ${count(run.updates)} updates`,
    `learning rates: ${rates.join(', ')}`,
    `memory:         ${megabytes(run.peakBytes)} at most so far, ${megabytes(run.stateBytes)} of it weights, moments and averages`,
    `speed:          ${run.imagesPerSecond.toFixed(1)} images/s, ${((100 * run.waitedPerBatch) / run.secondsPerBatch).toFixed(0)} % of the time waiting for data (first step ${run.firstStepSeconds.toFixed(1)} s)`,
    `time:           ${duration(run.epochSeconds)} an epoch with its validation (${duration(run.validationSeconds)}), ${duration(run.runSeconds)} in all`,
  ].join('\n');
}
