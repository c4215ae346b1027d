import * as fs from 'node:fs';
import { dieAtCall } from './die-at-call.js';

// A run in a process of its own that kills itself without warning at its n-th call that changes names or contents on the disk:
// node run-child.mjs RUN-FOLDER new|resume N (0: never) [EPOCHS]. Prints one "step loss" line a step. With EPOCHS the run has much of what can be
// resumed: mixing, accumulated gradients, checkpoints inside epochs.
const [path, mode, calls, epochs] = process.argv.slice(2) as [string, 'new' | 'resume', string, string?];

dieAtCall(Number(calls), ['open', 'mkdir', 'rename', 'rm', 'appendFile']);

const { selectBackend } = await import('../../../src/runtime/backend.js');
const { tinyRun } = await import('./tiny-run.js');
await selectBackend('cpu');
await tinyRun(
  path,
  { onStep: ({ epoch, step, loss }) => fs.writeSync(1, `${epoch} ${step} ${loss}\n`) },
  {
    resume: mode === 'resume',
    ...(epochs !== undefined && {
      config: { epochs: Number(epochs), mixup: 0.8, cutmix: 1, gradAccumSteps: 2, saveSteps: 2 },
    }),
  },
);
