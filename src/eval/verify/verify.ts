import * as tf from '@tensorflow/tfjs';
import { loadModel, type LoadOptions } from '../../convert/load-weights.js';
import { replaceBatchnorm, type RecNext, type RegNet } from '../../models/index.js';
import { UserError } from '../../errors.js';
import { fuseMode } from '../../models/model-config.js';
import { verifyAgainstCpu } from './against-cpu.js';
import { verifyAgainstReference } from './against-reference.js';
import { difference, largestOf, worst, type LayerDifference } from './compare.js';
import { REFERENCE_NUMBERS } from './reference-numbers.js';

/** One comparison: what with what, module by module. */
export interface VerifyCheck {
  readonly name: 'reference' | 'backend' | 'fused';
  /** For people. */
  readonly title: string;
  readonly layers: readonly LayerDifference[];
  readonly worst: LayerDifference;
  readonly passed: boolean;
}

export interface VerifyResult {
  readonly model: string;
  /** Largest difference of any value of any module, over all checks. */
  readonly maxAbsDiff: number;
  /** The layer nearest to its limit or furthest beyond it, over all checks. */
  readonly worstLayer: string;
  readonly passed: boolean;
  readonly checks: readonly VerifyCheck[];
  readonly notes: readonly string[];
}

/**
 * Checks a checkpoint and the present backend: the implementation of its variant against numbers of the PyTorch one, the
 * checkpoint's own weights against TF.js' plain JavaScript backend, and fused against unfused.
 *
 * @throws UserError if the weights cannot be read or do not fit
 */
export async function verifyCheckpoint(options: LoadOptions): Promise<VerifyResult> {
  const { model, notes } = await loadModel(options);
  const checks: VerifyCheck[] = [];
  if (REFERENCE_NUMBERS[model.name] !== undefined) {
    const title = `${model.name} with the deterministic weights, against the PyTorch implementation`;
    checks.push(check('reference', title, verifyAgainstReference(model.name)));
  }
  const backend = tf.getBackend();
  if (backend !== 'cpu') {
    const title = `these weights on ${backend}, against the plain JavaScript backend`;
    checks.push(check('backend', title, await verifyAgainstCpu(model)));
  }
  if (fuseMode(model.config) === 'none')
    checks.push(check('fused', 'these weights fused, against unfused', [fusedLogits(model)]));
  model.dispose();
  if (checks.length === 0)
    throw new UserError(
      `${options.weights}: nothing applies: ${model.name} has no reference numbers, these weights are fused, and the backend is the plain one. Try --backend wasm`,
    );
  const overall = worst(checks.map((c) => c.worst));
  return {
    model: model.name,
    maxAbsDiff: Math.max(...checks.flatMap((c) => c.layers.map(({ maxAbsDiff }) => maxAbsDiff))),
    worstLayer: overall.layer,
    passed: checks.every(({ passed }) => passed),
    checks,
    notes,
  };
}

function check(name: VerifyCheck['name'], title: string, layers: LayerDifference[]): VerifyCheck {
  return {
    name,
    title,
    layers,
    worst: worst(layers),
    passed: layers.every(({ relative, limit }) => relative <= limit),
  };
}

function fusedLogits(model: RecNext | RegNet): LayerDifference {
  const fused = replaceBatchnorm(model);
  const [channels, height, width] = model.dataConfig.inputSize;
  const [expected, found] = tf.tidy(() => {
    const x = tf.randomNormal<tf.Rank.R4>([1, height, width, channels], 0, 1, 'float32', 1);
    return [model.forward(x).dataSync(), fused.forward(x).dataSync()];
  });
  fused.dispose();
  return difference('logits', found!, expected!, largestOf(expected!));
}
