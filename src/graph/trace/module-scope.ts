import * as tf from '@tensorflow/tfjs';

/** The part of TF.js' engine that tells where we are. */
interface EngineState {
  readonly scopeStack: readonly { readonly name: string }[];
}

/** The innermost scope that a module opened (`tf.tidy` with a name), or undefined outside of all; TF.js names its own after operations. */
export function moduleScope(): string | undefined {
  const { scopeStack } = (tf.engine() as unknown as { state: EngineState }).state;
  for (let i = scopeStack.length - 1; i >= 0; i--) {
    const { name } = scopeStack[i]!;
    if (name !== undefined && name !== 'unnamed scope' && !name.endsWith('__op')) return name;
  }
  return undefined;
}
