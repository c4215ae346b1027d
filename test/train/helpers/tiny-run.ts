import { join } from 'node:path';
import type { RunConfigInput } from '../../../src/train/config.js';
import { eagerEngine } from '../../../src/runtime/engines/eager.js';
import { flagLayer, formatConfig, mergeConfig } from '../../../src/train/load-config.js';
import { RunFolder } from '../../../src/train/run-folder.js';
import { liveOutputs, type TeacherOutputs } from '../../../src/train/teacher/outputs.js';
import { train, type TrainHooks, type TrainResult } from '../../../src/train/train.js';
import { syntheticSource } from './synthetic-source.js';
import { TinyModel } from './tiny-model.js';

const TINY_CONFIG: RunConfigInput = {
  model: 'tiny',
  data: 'synthetic',
  epochs: 4,
  batchSize: 8,
  warmupEpochs: 1,
  lr: 0.64,
  warmupLr: 1e-3,
  modelEmaDecay: 0.9,
  mixup: 0,
  cutmix: 0,
};

/** A run of TinyModel with a teacher, stochastic depth and a moving average: what resuming must bring back, and more. */
export async function tinyRun(
  path: string,
  hooks: TrainHooks = {},
  {
    resume = false,
    config = {} as Partial<RunConfigInput>,
    dropPath = 0.3,
    train: source = syntheticSource({ samples: 24, batch: 8 }),
    /** In place of the teacher itself. */
    teacher: given = undefined as TeacherOutputs | undefined,
  } = {},
): Promise<TrainResult & { model: TinyModel }> {
  const resolved = mergeConfig(flagLayer({ ...TINY_CONFIG, teacherPath: 'synthetic', ...config }));
  const quiet = () => undefined;
  const { distillationType } = resolved;
  const folder = resume
    ? await RunFolder.open(path, quiet)
    : await RunFolder.create(path, formatConfig(resolved), quiet);
  const model = new TinyModel({ distillation: true, dropPath });
  const teacher = new TinyModel({ key: 'teacher/' });
  try {
    const result = await train(
      {
        config: resolved,
        model,
        teacher: given ?? liveOutputs(eagerEngine(teacher), distillationType === 'soft' ? 'soft' : 'hard'),
        train: source,
        val: syntheticSource({ samples: 10, batch: 8, shuffle: false, key: 'val' }),
        folder,
        checkpoint: resume ? RunFolder.resolve(path).checkpoint : undefined,
        weightFiles: { 'config.json': '{}\n' },
      },
      hooks,
    );
    return { ...result, model };
  } finally {
    teacher.dispose();
    folder.close();
  }
}

export const logOf = (path: string) => join(path, 'log.txt');
