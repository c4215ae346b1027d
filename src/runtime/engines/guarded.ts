import { forwardGraph } from '../../graph/forward-graph.js';
import { prepareInference } from '../../graph/passes/index.js';
import type { ImageModel } from '../../models/image-model.js';
import type { EngineName, ProfiledEngine } from './engine.js';
import { MemoryGuard } from './memory-guard.js';

interface Watching {
  readonly device?: string;
  /** Told before a batch that memory will probably not be enough for. */
  readonly warn?: (line: string) => void;
}

/** Watches over the memory of a model's inference on an engine. */
export function inferenceGuard(engine: EngineName, model: ImageModel, watching: Watching): MemoryGuard {
  return new MemoryGuard({
    engine,
    purpose: 'inference',
    ...watching,
    graphOf: ([batch, height, width]) => prepareInference(forwardGraph(model, { batch, height, width })),
  });
}

/** An engine that says which batch would fit where one does not. */
export function guarded(engine: ProfiledEngine, model: ImageModel, watching: Watching): ProfiledEngine {
  const guard = inferenceGuard(engine.engine, model, watching);
  return {
    engine: engine.engine,
    numClasses: engine.numClasses,
    logits: (images, shape) => guard.run(shape, () => engine.logits(images, shape)),
    profile: (images, shape) => guard.run(shape, () => engine.profile(images, shape)),
    dispose: () => engine.dispose(),
  };
}
