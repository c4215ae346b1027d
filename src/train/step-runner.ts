import * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from '../models/image-model.js';
import { eagerEngine } from '../runtime/engines/eager.js';
import type { ProfiledEngine } from '../runtime/engines/engine.js';
import type { OperationTime } from '../runtime/engines/operation-time.js';
import { profileEager } from '../runtime/engines/profile-eager.js';
import type { TeacherTensor } from './distillation.js';
import { uniformAt, type StepAddress } from './random.js';
import { gradientStep, trainingStep, type StepInput, type StepOutput, type StepParts } from './step.js';
import { remember } from './undo.js';

/** Classes `[batch]`, or logits `[batch, classes]`, row-major. */
export type TeacherOutput = Int32Array | Float32Array;

/** A batch on the host, ready for the step. */
export interface TrainBatch {
  /** Normalised `[batch, height, width, channels]`, row-major. */
  readonly images: Float32Array;
  readonly shape: readonly [batch: number, height: number, width: number, channels: number];
  /** `[batch, classes]`, row-major. */
  readonly targets: Float32Array;
  /** What the teacher says of the images, where the run distils. */
  readonly teacher?: TeacherOutput;
  /** Where in the run it stands: what its stochastic depth and dropout are drawn from. */
  readonly at: StepAddress;
}

/** What a batch gave, before the update. */
export interface BatchResult {
  readonly loss: number;
  /** Shares of 1. */
  readonly top1: number;
  readonly teacherTop1?: number;
  /** Of the last batch of an update with a loss scale: not finite where the update was left out for its gradients; and the scale now. */
  readonly check?: number;
  readonly lossScale?: number;
}

/** Does updates of the model; how is the engine's business. */
export interface StepRunner {
  /**
   * One update from the mean gradient of `batches` (one, or as many as gradients are accumulated over), at learning rate `lr`. When a loss is not
   * finite and the runner was made to undo, everything is as it was before: weights, running statistics, moments, average, counts.
   */
  update(batches: readonly TrainBatch[], lr: number): Promise<BatchResult[]>;
  /** An update that tells when each of its operations ran. Slower. */
  profile(batches: readonly TrainBatch[], lr: number): Promise<OperationTime[]>;
  /** Brings model, optimizer and average up to date with the updates: call it before reading them. */
  sync(): Promise<void>;
  /** Model, optimizer and average were set from outside: the next update starts from what they are now. */
  reload(): void;
  /** Runs `body` with the model in evaluation mode, with its own weights or with their moving average. */
  evaluating<T>(weights: 'raw' | 'ema', body: (engine: ProfiledEngine) => Promise<T>): Promise<T>;
  dispose(): void;
}

export interface RunnerOptions {
  readonly freezeBatchNorm?: ForwardContext['freezeBatchNorm'];
  /** Leave no trace of batches whose loss is not finite. */
  readonly undo?: boolean;
  /** Told before a step that memory will probably not be enough for. */
  readonly warn?: (line: string) => void;
}

/** Runs the step operation by operation. */
export function eagerRunner(parts: StepParts, { freezeBatchNorm, undo = false }: RunnerOptions): StepRunner {
  const { gradientSum, optimizer, lossScale } = parts;
  return {
    async update(batches, lr) {
      const before = undo ? remember(parts) : undefined;
      try {
        const results: BatchResult[] = [];
        for (const [i, batch] of batches.entries()) {
          const input = inputOf(batch, freezeBatchNorm);
          const last = i === batches.length - 1;
          // What earlier batches left in the running statistics stays, and the sums of gradients start anew.
          const whole = last && lossScale ? remember({ ...parts, gradientSum: undefined }) : undefined;
          const output = last
            ? lastStep(parts, input, lr, batches.length)
            : gradientStep({ ...parts, gradientSum: gradientSum! }, input);
          tf.dispose([input.images, input.targets, ...(input.teacher ? [input.teacher] : [])]);
          const result = await read(output);
          if (isLeftOut(result)) whole?.restore();
          whole?.dispose();
          results.push(result);
        }
        if (before && !results.every(({ loss }) => Number.isFinite(loss))) before.restore();
        return results;
      } finally {
        before?.dispose();
      }
    },
    profile(batches, lr) {
      return profileEager(() => this.update(batches, lr));
    },
    sync: () => Promise.resolve(),
    reload: () => undefined,
    evaluating(weights, body) {
      const run = () => body(eagerEngine(parts.model));
      return weights === 'ema' ? parts.ema!.withAverage(run) : run();
    },
    dispose: () => undefined,
  };

  function lastStep(parts: StepParts, input: StepInput, lr: number, batches: number): StepOutput {
    const scalars = optimizer.nextScalars(lr);
    const share = gradientSum && tf.scalar(1 / batches);
    const output = trainingStep(parts, input, scalars, share);
    tf.dispose({ ...scalars });
    share?.dispose();
    return output;
  }
}

function inputOf(
  { images, shape, targets, teacher, at }: TrainBatch,
  freezeBatchNorm: RunnerOptions['freezeBatchNorm'],
): StepInput {
  return {
    images: tf.tensor4d(images, [...shape]),
    targets: tf.tensor2d(targets, [shape[0], targets.length / shape[0]]),
    ...(teacher && { teacher: tf.tensor(teacher, teacherShape(teacher, shape[0])) as TeacherTensor }),
    context: { freezeBatchNorm, uniform: uniformAt(at) },
  };
}

/** Of the tensor of what a teacher says of `batch` images. */
export function teacherShape(teacher: TeacherOutput, batch: number): [number] | [number, number] {
  return teacher instanceof Int32Array ? [batch] : [batch, teacher.length / batch];
}

async function read(output: StepOutput): Promise<BatchResult> {
  const entries = Object.entries(output) as [keyof BatchResult, tf.Scalar][];
  const values = await Promise.all(
    entries.map(async ([name, scalar]) => [name, (await scalar.data())[0]!] as const),
  );
  tf.dispose({ ...output });
  return Object.fromEntries(values) as unknown as BatchResult;
}

/** Whether an update was left out for its gradients. */
export function isLeftOut({ check }: BatchResult): boolean {
  return check !== undefined && !Number.isFinite(check);
}
