import { UsageError } from '../errors.js';
import { permutation, RandomStream } from './random.js';

/** What an epoch visits, in order. */
export interface EpochOrder {
  /** Sample numbers. */
  readonly indices: Int32Array;
  /** Which visit of its sample each one is, where samples are visited more than once in an epoch. Default: all 0. */
  readonly views?: Uint8Array;
}

/** Which samples an epoch visits, in which order. */
export interface EpochSampler {
  /** Visits of one epoch; the same in every epoch. */
  readonly length: number;
  /** `length` visits: a function of the epoch alone, whatever was asked for before. */
  order(epoch: number): EpochOrder;
}

/** Which of several processes this one is: each takes its own share of the samples. */
export interface Process {
  /** 0 … world - 1. Default 0. */
  readonly rank?: number;
  /** Number of processes. Default 1. */
  readonly world?: number;
}

/**
 * Every sample once, in the order of the data set: for evaluation. Several processes take one stretch each (their shards stay together), and
 * every sample belongs to exactly one of them: stretches may differ by one sample, none is padded.
 */
export function sequentialSampler(length: number, process: Process = {}): EpochSampler {
  const { rank, world } = checkProcess(process);
  const first = Math.floor((rank * length) / world);
  const count = Math.floor(((rank + 1) * length) / world) - first;
  return {
    length: count,
    order: () => ({ indices: Int32Array.from({ length: count }, (_, i) => first + i) }),
  };
}

/**
 * Every sample once, in an order drawn from (seed, epoch): for training. Of `world` processes each takes every `world`-th of the one order, so that
 * their batches of a step together are the batch that one process would take; the last `length % world` samples of an epoch's order are left out.
 */
export function shuffleSampler(length: number, seed: number, process: Process = {}): EpochSampler {
  const { rank, world } = checkProcess(process);
  const count = Math.floor(length / world);
  return {
    length: count,
    order(epoch) {
      const all = permutation(length, new RandomStream({ seed, epoch, index: 0 }, 'shuffle'));
      return { indices: Int32Array.from({ length: count }, (_, k) => all[rank + k * world]!) };
    },
  };
}

/** @throws UsageError for a rank that is none of its world's */
export function checkProcess({ rank = 0, world = 1 }: Process): Required<Process> {
  if (!Number.isInteger(world) || world < 1 || !Number.isInteger(rank) || rank < 0 || rank >= world)
    throw new UsageError(`expected a rank of 0 to world - 1, found rank ${rank} of ${world} processes.`);
  return { rank, world };
}
