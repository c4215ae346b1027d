import type * as tf from '@tensorflow/tfjs';
import type { Graph, TensorType } from '../graph/graph.js';
import { prepareTraining } from '../graph/passes/index.js';
import type { LowerOptions } from '../graph/tensorflow/lower/index.js';
import { trace, type InputMaker } from '../graph/trace/trace.js';
import type { TeacherTensor } from './distillation.js';
import { gradientStep, trainingStep, type StepInput, type StepOutput, type StepParts } from './step.js';
import { teacherShape, type RunnerOptions, type TrainBatch } from './step-runner.js';
import { stepState } from './step-state.js';

/** Names of the graph's inputs: random numbers of a module, and numbers of an optimizer's step, have these before theirs. */
export const UNIFORM = 'uniform/';
export const SCALAR = 'scalar/';

export type StepRoutine = 'step' | 'accumulate';

/** What of a batch its step's graph depends on. */
export interface BatchKind {
  readonly shape: TrainBatch['shape'];
  readonly classes: number;
  /** What the teacher says of one image, where there is one. */
  readonly teacher?: TensorType;
}

export function kindOf({ shape, targets, teacher }: TrainBatch): BatchKind {
  return {
    shape,
    classes: targets.length / shape[0],
    ...(teacher && {
      teacher: {
        dtype: teacher instanceof Int32Array ? 'int32' : 'float32',
        shape: teacherShape(teacher, shape[0]).slice(1),
      },
    }),
  };
}

/**
 * The graphs of a step on batches of one kind and, where gradients are accumulated, of a batch before it.
 *
 * @param scalarNames of the optimizer's `nextScalars`
 */
export function traceStep(
  parts: StepParts,
  { shape, classes, teacher }: BatchKind,
  scalarNames: readonly string[],
  options: Pick<RunnerOptions, 'freezeBatchNorm'> & LowerOptions = {},
): Record<StepRoutine, Graph> {
  const { gradientSum, model } = parts;
  const state = stepState(parts);
  const { trackedBatches } = model;
  const scalar = (input: InputMaker, name: string) =>
    input(name, { dtype: 'float32', shape: [] }) as tf.Scalar;
  const stepInput = (input: InputMaker): StepInput => ({
    images: input('images', { dtype: 'float32', shape }) as tf.Tensor4D,
    targets: input('targets', { dtype: 'float32', shape: [shape[0], classes] }) as tf.Tensor2D,
    ...(teacher && {
      teacher: input('teacher', { ...teacher, shape: [shape[0], ...teacher.shape] }) as TeacherTensor,
    }),
    context: {
      freezeBatchNorm: options.freezeBatchNorm,
      uniform: (path, count) => input(UNIFORM + path, { dtype: 'float32', shape: [count] }) as tf.Tensor1D,
    },
  });
  const record = (body: (input: InputMaker) => StepOutput): Graph =>
    prepareTraining(trace({ variables: state, body: (input) => ({ ...body(input) }) }), options);
  const step = record((input) =>
    trainingStep(
      parts,
      stepInput(input),
      Object.fromEntries(scalarNames.map((name) => [name, scalar(input, SCALAR + name)])),
      gradientSum && scalar(input, 'share'),
    ),
  );
  const graphs: Partial<Record<StepRoutine, Graph>> = { step };
  if (gradientSum)
    graphs.accumulate = record((input) => gradientStep({ ...parts, gradientSum }, stepInput(input)));
  model.trackedBatches = trackedBatches;
  return graphs as Record<StepRoutine, Graph>;
}
