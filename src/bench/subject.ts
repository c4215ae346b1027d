import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { loadClassifier } from '../eval/load-classifier.js';
import type { ImageModel } from '../models/image-model.js';
import { inferenceGuard } from '../runtime/engines/guarded.js';
import type { OperationTime } from '../runtime/engines/operation-time.js';
import { startEngine, type Compute } from '../runtime/engines/start.js';
import { openEngine } from '../runtime/engines/open.js';
import type { FetchOptions } from '../runtime/fetch/fetch-options.js';
import { openTrainingStep } from './training-step.js';
import { syntheticImages } from './synthetic-batch.js';
import type { BenchSetting } from './setting.js';

/** What a setting turned out to be. */
export interface SubjectFacts {
  readonly model: string;
  readonly inputSize: number;
  readonly engine: string;
  readonly backend: string;
  /** Whether our own operations for TensorFlow are in use. */
  readonly ownOperations: boolean;
  readonly device: string;
  readonly threads: number;
}

/** A setting that is ready to run. */
export interface Subject {
  readonly facts: SubjectFacts;
  /** One run: a batch classified, or a whole training step. */
  run(): Promise<unknown>;
  /** One run, with the times of its operations. */
  profile(): Promise<OperationTime[]>;
  /** Which batch would fit, in a sentence, where this one is too large. Runs nothing. */
  shortage(): string | undefined;
}

/** Loads the model and opens its engine. Everything stays until the process ends. */
export async function openSubject(setting: BenchSetting, fetching: FetchOptions = {}): Promise<Subject> {
  const { classifier, mode, batchSize } = setting;
  const training = mode === 'train';
  if (training && classifier.fuse)
    throw new UsageError(
      '--fuse folds the batch norms, which a training step needs: leave one of the two away.',
    );
  const started = await startEngine(
    setting.compute,
    training ? 'training' : batchSize === 1 ? 'single images' : 'batches',
    fetching.notice,
  );
  const compute = setting.stockOperations ? withoutOwnOperations(started) : started;
  const { model } = await loadClassifier(
    training ? { ...classifier, distillation: setting.distil } : classifier,
    fetching,
  );
  const [channels, height, width] = model.dataConfig.inputSize;
  const shape = [batchSize, height, width, channels] as const;
  const facts = factsOf(model, compute);
  if (training)
    return {
      facts,
      ...openTrainingStep(model, shape, compute.engine, { distil: setting.distil, warn: fetching.notice }),
    };
  const images = syntheticImages(shape);
  const engine = await openEngine(model, compute.engine, fetching.notice);
  return {
    facts,
    run: () => engine.logits(images, shape),
    profile: () => engine.profile(images, shape),
    shortage: () => inferenceGuard(engine.engine, model, { device: compute.engine.device }).shortage(shape),
  };
}

function withoutOwnOperations({ backend, engine }: Compute): Compute {
  return { backend, engine: { ...engine, opLibrary: undefined } };
}

function factsOf(model: ImageModel, { backend, engine }: Compute): SubjectFacts {
  // TF.js' own backends have one thread.
  const single = engine.engine === 'eager' && backend !== 'node';
  return {
    model: model.name,
    inputSize: model.dataConfig.inputSize[1],
    engine: engine.engine,
    backend,
    ownOperations: engine.opLibrary !== undefined,
    device: engine.device ?? 'cpu',
    threads: single ? 1 : (engine.threads ?? availableParallelism()),
  };
}
