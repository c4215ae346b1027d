import { join } from 'node:path';
import { Board } from './tensorboard/board.js';
import type { WatchedStep } from './tensorboard/step-means.js';
import type { TrainHooks, TrainParts } from './train.js';
import { watchedLoader } from './watched-loader.js';

export type { WatchedStep };

export interface WatchHooks extends Omit<TrainHooks, 'onStep'> {
  onStep?(info: WatchedStep): void;
  readonly notice: (line: string) => void;
}

export interface WatchedRun {
  readonly parts: TrainParts;
  readonly hooks: TrainHooks;
  /** What was to be written is on its way to the disk. */
  close(): Promise<void>;
}

/** Folder of a run that holds its events. */
export const EVENTS = 'tensorboard';

/** A run that is watched: its steps are timed, its batches seen on the way, its events written for TensorBoard. */
export function watchRun(parts: TrainParts, hooks: WatchHooks): WatchedRun {
  const { config, model, folder } = parts;
  const board = config.tensorboard
    ? new Board({
        folder: join(folder.path, EVENTS),
        histograms: config.tbHistograms,
        images: config.tbImages,
        dataConfig: model.dataConfig,
        notice: hooks.notice,
      })
    : undefined;
  let waited = 0;
  let last: number | undefined;

  return {
    parts: {
      ...parts,
      train: watchedLoader(parts.train, (batch, seconds) => {
        board?.batch(batch);
        waited += seconds;
        // The first step of an epoch begins with the request for its batch: validation is no part of it.
        last ??= performance.now() - 1000 * seconds;
      }),
    },
    hooks: {
      ...hooks,
      onStep(info) {
        const now = performance.now();
        const step = { ...info, waited, seconds: (now - last!) / 1000 };
        waited = 0;
        last = info.step < info.steps ? now : undefined;
        board?.step(step);
        hooks.onStep?.(step);
      },
      onEpoch(line) {
        board?.epoch(line, () => model.stateDict());
        hooks.onEpoch?.(line);
      },
    },
    close: async () => board?.close(),
  };
}
