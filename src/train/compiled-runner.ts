import * as tf from '@tensorflow/tfjs';
import type { LowerOptions } from '../graph/tensorflow/lower/index.js';
import { ProgramSession, type RoutineRun } from '../graph/tensorflow/program-session.js';
import { writeProgram } from '../graph/tensorflow/program.js';
import { hostValues } from '../runtime/engines/weights.js';
import { LiveTensorFlowEngine } from '../runtime/engines/live-tensorflow.js';
import type { OperationTime } from '../runtime/engines/operation-time.js';
import type { SessionOptions } from '../runtime/tensorflow/index.js';
import type { OptimizerScalars } from './optimizer.js';
import { uniformNumbersAt } from './random.js';
import type { StepParts } from './step.js';
import { isUnguarded, stepState } from './step-state.js';
import {
  isLeftOut,
  type BatchResult,
  type RunnerOptions,
  type StepRunner,
  type TrainBatch,
} from './step-runner.js';
import { kindOf, SCALAR, traceStep, UNIFORM, type StepRoutine } from './trace-step.js';

type Session = ProgramSession<StepRoutine>;

/** The step compiled for one shape of batch. */
interface CompiledStep {
  readonly session: Session;
  /** State that a step changes. */
  readonly changed: readonly string[];
  /** Random inputs: module and count. */
  readonly uniforms: readonly (readonly [input: string, path: string, count: number])[];
}

/** Runs the step as one TensorFlow graph; weights, moments and average live in its session. Compiled anew for each shape of batch. */
export class CompiledRunner implements StepRunner {
  private readonly state: ReadonlyMap<string, tf.Variable>;
  private readonly steps = new Map<string, Promise<CompiledStep>>();
  private readonly evaluation: LiveTensorFlowEngine;
  /** Whose session has the present state; undefined: TF.js' variables have it. */
  private current: CompiledStep | undefined;
  /** Whether TF.js' variables have the present state as well. */
  private synced = true;

  constructor(
    private readonly parts: StepParts,
    private readonly options: RunnerOptions & {
      readonly session?: SessionOptions & LowerOptions;
      /** Of the session that evaluates. */
      readonly evaluation?: SessionOptions & LowerOptions;
    },
  ) {
    this.state = stepState(parts);
    this.evaluation = new LiveTensorFlowEngine(parts.model, options.evaluation ?? {});
  }

  update(batches: readonly TrainBatch[], lr: number): Promise<BatchResult[]> {
    return this.run(batches, lr, (session, run) => session.run(run));
  }

  async profile(batches: readonly TrainBatch[], lr: number): Promise<OperationTime[]> {
    const found: OperationTime[] = [];
    await this.run(batches, lr, async (session, run) => {
      const { outputs, operations } = await session.profile(run);
      found.push(...operations);
      return outputs;
    });
    return found;
  }

  private async run(
    batches: readonly TrainBatch[],
    lr: number,
    execute: (session: Session, run: RoutineRun<StepRoutine>) => ReturnType<Session['run']>,
  ): Promise<BatchResult[]> {
    const { model, optimizer } = this.parts;
    const before = { steps: optimizer.steps, batches: model.trackedBatches };
    const scalars = await hostScalars(optimizer.nextScalars(lr));
    const compiled = await this.compiled(batches[0]!, Object.keys(scalars));
    // Of a single batch the graph itself leaves nothing behind when its loss is not finite.
    const snapshot =
      this.options.undo && batches.length > 1 ? await compiled.session.get(compiled.changed) : undefined;
    const results: BatchResult[] = [];
    for (const [i, batch] of batches.entries()) {
      const last = i === batches.length - 1;
      const outputs = await execute(compiled.session, {
        routine: last ? 'step' : 'accumulate',
        inputs: {
          images: batch.images,
          targets: batch.targets,
          ...(batch.teacher && { teacher: batch.teacher }),
          ...uniformInputs(compiled, batch),
          ...(last && { ...prefixed(scalars), share: Float32Array.of(1 / batches.length) }),
        },
      });
      results.push(
        Object.fromEntries(
          Object.entries(outputs).map(([name, { data }]) => [name, Number(data[0])]),
        ) as unknown as BatchResult,
      );
      if (this.options.freezeBatchNorm !== true) model.trackedBatches++;
    }
    this.synced = false;
    if (isLeftOut(results.at(-1)!)) {
      optimizer.steps = before.steps;
      model.trackedBatches = before.batches + BigInt(batches.length - 1);
    }
    if (this.options.undo && !results.every(({ loss }) => Number.isFinite(loss))) {
      if (snapshot)
        await compiled.session.set(compiled.changed.map((name, i) => [name, { data: snapshot[i]! }]));
      optimizer.steps = before.steps;
      model.trackedBatches = before.batches;
    }
    return results;
  }

  async sync(): Promise<void> {
    if (this.synced || this.current === undefined) return;
    const { session, changed } = this.current;
    const values = await session.get(changed);
    changed.forEach((name, i) => {
      const variable = this.state.get(name)!;
      tf.tidy(() => variable.assign(tf.tensor(values[i]!, variable.shape)));
    });
    this.synced = true;
  }

  reload(): void {
    this.current = undefined;
    this.synced = true;
  }

  async evaluating<T>(
    weights: 'raw' | 'ema',
    body: (engine: LiveTensorFlowEngine) => Promise<T>,
  ): Promise<T> {
    await this.sync();
    const run = async (): Promise<T> => {
      await this.evaluation.takeWeights();
      return body(this.evaluation);
    };
    return weights === 'ema' ? this.parts.ema!.withAverage(run) : run();
  }

  dispose(): void {
    this.evaluation.dispose();
    for (const step of this.steps.values())
      step.then(
        ({ session }) => session.dispose(),
        () => undefined,
      );
    this.steps.clear();
    this.current = undefined;
  }

  /** The step for the shape of a batch, with the present state in its session. */
  private async compiled(batch: TrainBatch, scalars: readonly string[]): Promise<CompiledStep> {
    const key = batch.shape.join('x');
    let step = this.steps.get(key);
    if (step === undefined) this.steps.set(key, (step = this.compile(batch, scalars)));
    const compiled = await step;
    if (this.current !== compiled) {
      await this.sync();
      await compiled.session.set(await hostValues(this.state));
      this.current = compiled;
    }
    return compiled;
  }

  private async compile(batch: TrainBatch, scalarNames: readonly string[]): Promise<CompiledStep> {
    const { session: options = {}, undo } = this.options;
    const graphs = traceStep(this.parts, kindOf(batch), scalarNames, { ...this.options, ...options });
    const guards = [...(undo ? ['loss'] : []), ...(this.parts.lossScale ? ['check'] : [])];
    const program = writeProgram(graphs, { ...options, guards, isUnguarded });
    const uniforms = Object.values(program.routines).flatMap(({ inputs }) =>
      [...inputs].flatMap(([name, { type }]) =>
        name.startsWith(UNIFORM) ? [[name, name.slice(UNIFORM.length), type.shape[0]!] as const] : [],
      ),
    );
    return {
      session: await ProgramSession.open(program, options),
      changed: [...new Set(Object.values(graphs).flatMap(({ updates }) => [...updates.keys()]))],
      uniforms: [...new Map(uniforms.map((uniform) => [uniform[0], uniform])).values()],
    };
  }
}

function uniformInputs({ uniforms }: CompiledStep, { at }: TrainBatch): Record<string, Float32Array> {
  const numbers = uniformNumbersAt(at);
  return Object.fromEntries(uniforms.map(([input, path, count]) => [input, numbers(path, count)]));
}

async function hostScalars(scalars: OptimizerScalars): Promise<Record<string, Float32Array>> {
  const entries = Object.entries(scalars);
  const values = await Promise.all(entries.map(([, scalar]) => scalar.data()));
  tf.dispose({ ...scalars });
  return Object.fromEntries(entries.map(([name], i) => [name, values[i] as Float32Array]));
}

function prefixed(scalars: Readonly<Record<string, Float32Array>>): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(scalars).map(([name, value]) => [SCALAR + name, value]));
}
