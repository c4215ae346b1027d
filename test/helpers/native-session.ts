import { afterAll, beforeAll } from 'vitest';
import { TensorFlowSession } from '../../src/runtime/tensorflow/index.js';
import { builtOpLibrary } from './op-library.js';
import { tinyGraph, type TinyNode } from './tiny-graph.js';

/** Opens sessions that know our own operations, for the tests of the suite it is called in; they are closed after those. */
export function nativeSessions(): (
  nodes: readonly TinyNode[],
  threads?: number,
) => Promise<TensorFlowSession> {
  let library: string;
  const open: TensorFlowSession[] = [];
  beforeAll(async () => {
    library = await builtOpLibrary();
  }, 180_000);
  afterAll(() => {
    for (const session of open) session.dispose();
  });
  return async (nodes, threads = 2) => {
    const session = await TensorFlowSession.open(tinyGraph(nodes), {
      opLibrary: library,
      intraOpThreads: threads,
    });
    open.push(session);
    return session;
  };
}
