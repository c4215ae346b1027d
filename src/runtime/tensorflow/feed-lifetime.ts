import type { CApi, Pointer } from './c-api.js';

/** One output of an operation. */
export interface GraphOutput {
  readonly oper: Pointer;
  readonly index: number;
}

/**
 * Operations whose results are always memory of their own, whatever the graph optimizer makes of them. Element-wise ones are not
 * here: it replaces x·1 and x+0 by x.
 */
const COMPUTES = new Set([
  'Conv2D',
  'DepthwiseConv2dNative',
  'MatMul',
  'BatchMatMulV2',
  'FusedBatchNormV3',
  'Softmax',
  'LogSoftmax',
  'SoftmaxCrossEntropyWithLogits',
  'SparseSoftmaxCrossEntropyWithLogits',
  'ArgMax',
  'InTopKV2',
]);

/** Results that live on between runs, or may. */
const KEEPS =
  /Assign|Variable|Queue|Stack|Stage|Barrier|HashTable|LookupTable|TensorArray|TensorList|Iterator|Mutable|Call|While|If|Case/;

/** Feeds lead to the first computing operation in a few steps. */
const MAX_VISITED = 200;

/**
 * Whether what is fed to `feed` may be kept by TensorFlow after the run, as the value of a variable is: an assignment shares memory
 * with its value. Says yes when in doubt.
 */
export function mayOutliveRun(api: CApi, feed: GraphOutput): boolean {
  const visited = new Set<Pointer>();
  const pending: GraphOutput[] = [feed];
  for (let output = pending.pop(); output !== undefined; output = pending.pop()) {
    for (const consumer of consumersOf(api, output)) {
      if (visited.has(consumer)) continue;
      visited.add(consumer);
      const type = api.OperationOpType(consumer);
      if (KEEPS.test(type) || visited.size > MAX_VISITED) return true;
      if (COMPUTES.has(type)) continue;
      const outputs = api.OperationNumOutputs(consumer);
      for (let index = 0; index < outputs; index++) pending.push({ oper: consumer, index });
    }
  }
  return false;
}

/** Bytes of a TF_Input: a pointer and an int, padded. */
const INPUT_BYTES = 16;

function consumersOf(api: CApi, output: GraphOutput): Pointer[] {
  const count = api.OperationOutputNumConsumers(output);
  if (count === 0) return [];
  const memory = new BigUint64Array((count * INPUT_BYTES) / 8);
  api.OperationOutputConsumers(output, memory, count);
  return Array.from({ length: count }, (_, i) => memory[2 * i]!);
}
