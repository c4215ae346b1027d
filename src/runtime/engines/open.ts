import type { ImageModel } from '../../models/image-model.js';
import type { EngineOptions } from './choose.js';
import { eagerEngine } from './eager.js';
import type { ProfiledEngine } from './engine.js';
import { guarded } from './guarded.js';
import { OnnxEngine } from './onnx.js';
import { tensorFlowOptions } from './session-options.js';
import { TensorFlowEngine } from './tensorflow.js';

/**
 * A model on an engine, its weights as they are now. The model stays the caller's.
 *
 * @param warn told before a batch that memory will probably not be enough for
 */
export async function openEngine(
  model: ImageModel,
  options: EngineOptions = { engine: 'eager' },
  warn?: (line: string) => void,
): Promise<ProfiledEngine> {
  return guarded(await plainEngine(model, options), model, { device: options.device, warn });
}

async function plainEngine(model: ImageModel, options: EngineOptions): Promise<ProfiledEngine> {
  switch (options.engine) {
    case 'eager':
      return eagerEngine(model);
    case 'tensorflow':
      return TensorFlowEngine.open(model, tensorFlowOptions(options));
    case 'onnx':
      return OnnxEngine.open(model, options);
  }
}
