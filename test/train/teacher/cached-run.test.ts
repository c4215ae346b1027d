import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMixing } from '../../../src/data/index.js';
import { eagerEngine } from '../../../src/runtime/engines/eager.js';
import type { RunConfigInput } from '../../../src/train/config.js';
import { cachedOutputs } from '../../../src/train/teacher/cache/cached-outputs.js';
import { spotCheck } from '../../../src/train/teacher/cache/spot-check.js';
import { TeacherCache } from '../../../src/train/teacher/cache/teacher-cache.js';
import type { Teacher } from '../../../src/train/teacher/outputs.js';
import { describeBackends } from '../../helpers/backends.js';
import { syntheticSource } from '../helpers/synthetic-source.js';
import { TinyModel } from '../helpers/tiny-model.js';
import { logOf, tinyRun } from '../helpers/tiny-run.js';
import { refused } from '../../helpers/refused.js';

const CLASSES = 4;

describeBackends(['cpu', 'node'], 'a run with a teacher cache', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-cached-'));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const path = (name: string) => join(dir, name);

  type Kind = 'hard' | 'soft';
  const openCache = (kind: Kind, { topk = CLASSES, write = true } = {}) =>
    TeacherCache.open(path('cache'), {
      format: { kind, classes: CLASSES, topk, type: 'float32' },
      batchSize: 8,
      batches: 3,
      identity: { kind },
      write,
      notice: () => undefined,
    });

  /** The teacher of `tinyRun`, and how often it was asked. */
  function countingTeacher(key = 'teacher/'): Teacher & { asked: number } {
    const model = new TinyModel({ key });
    const engine = eagerEngine(model);
    const teacher = {
      asked: 0,
      logits(...args: Parameters<typeof engine.logits>) {
        teacher.asked++;
        return engine.logits(...args);
      },
      dispose: () => model.dispose(),
    };
    return teacher;
  }

  async function lossesOf(
    name: string,
    options: NonNullable<Parameters<typeof tinyRun>[2]>,
    stopAt = Infinity,
  ): Promise<number[]> {
    const losses: number[] = [];
    const controller = new AbortController();
    const onStep = ({ loss }: { loss: number }) => {
      if (losses.push(loss) === stopAt) controller.abort();
    };
    const { model } = await tinyRun(path(name), { onStep, signal: controller.signal }, options);
    model.dispose();
    return losses;
  }

  const CASES: [string, Kind, Partial<RunConfigInput>][] = [
    ['hard', 'hard', {}],
    ['hard, mixed, two batches an update', 'hard', { mixup: 0.8, cutmix: 1, gradAccumSteps: 2 }],
    ['soft, mixed', 'soft', { mixup: 0.8, distillationTau: 2 }],
  ];
  it.each(CASES)(
    '%s, has the losses of the live teacher, who is asked once for each batch',
    async (_, kind, more) => {
      const config = { ...more, distillationType: kind };
      const live = await lossesOf('live', { config });
      expect(live.length).toBeGreaterThanOrEqual(8);

      const teacher = countingTeacher();
      const filling = cachedOutputs(await openCache(kind), teacher);
      expect(await lossesOf('filling', { config, teacher: filling })).toEqual(live);
      await filling.dispose();
      expect(teacher.asked).toBe(12);

      const cached = cachedOutputs(await openCache(kind, { write: false }), undefined);
      expect(await lossesOf('cached', { config, teacher: cached })).toEqual(live);
      await cached.dispose();
      for (const name of ['filling', 'cached'])
        expect(await readFile(logOf(path(name)), 'utf8')).toBe(await readFile(logOf(path('live')), 'utf8'));
    },
  );

  it('stopped inside an epoch it goes on with the same losses, from the cache or filling it', async () => {
    const config = { mixup: 0.8 };
    const live = await lossesOf('live', { config });
    const teacher = countingTeacher();
    const first = cachedOutputs(await openCache('hard'), teacher);
    const begun = await lossesOf('run', { config, teacher: first }, 5);
    await first.dispose();
    expect(teacher.asked).toBe(5);
    const again = countingTeacher();
    const second = cachedOutputs(await openCache('hard'), again);
    begun.push(...(await lossesOf('run', { config, teacher: second, resume: true })));
    await second.dispose();
    expect(begun).toEqual(live);
    expect(again.asked).toBe(7);

    const third = cachedOutputs(await openCache('hard', { write: false }), undefined);
    const whole = await lossesOf('other', { config, teacher: third }, 4);
    whole.push(...(await lossesOf('other', { config, teacher: third, resume: true })));
    await third.dispose();
    expect(whole).toEqual(live);
  });

  it('of the largest logits alone, has the losses of the run that filled it', async () => {
    const config = { distillationType: 'soft', distillationTau: 2 } as const;
    const live = await lossesOf('live', { config });
    const filling = cachedOutputs(await openCache('soft', { topk: 2 }), countingTeacher());
    const filled = await lossesOf('filling', { config, teacher: filling });
    await filling.dispose();
    expect(filled).not.toEqual(live);
    filled.forEach((loss, i) => expect(Math.abs(loss - live[i]!)).toBeLessThan(0.05));
    const cached = cachedOutputs(await openCache('soft', { topk: 2, write: false }), undefined);
    expect(await lossesOf('cached', { config, teacher: cached })).toEqual(filled);
    await cached.dispose();
  });

  it('without a teacher, names the first batch that is missing', async () => {
    const filling = cachedOutputs(await openCache('hard'), countingTeacher());
    await lossesOf('filling', { teacher: filling }, 5);
    await filling.dispose();
    const cached = cachedOutputs(await openCache('hard', { write: false }), undefined);
    await refused(
      lossesOf('cached', { teacher: cached }),
      /the teacher cache has nothing of epoch 1, batch 2: give the teacher with --teacher-path/,
    );
    await cached.dispose();
  });

  it.each(['hard', 'soft'] as const)('%s, is compared with a teacher on request', async (kind) => {
    const mix = createMixing({ numClasses: CLASSES, mixup: 0.8 });
    const loader = syntheticSource();
    const cache = await openCache(kind);
    const teacher = countingTeacher();
    const options = { seed: 0, epochs: 4, count: 3 };
    expect(await spotCheck(cache, teacher, loader, mix, options)).toBe(0);
    for (const epoch of [0, 2])
      for (let step = 0; step < 3; step++)
        for await (const batch of loader.epoch(epoch, step)) {
          mix(batch, { seed: 0, epoch, step });
          await cache.add(epoch, step, await teacher.logits(batch.images, batch.shape));
          break;
        }
    expect(await spotCheck(cache, teacher, loader, mix, options)).toBe(24);
    expect(await spotCheck(cache, teacher, loader, mix, { ...options, count: 99 })).toBe(48);
    const wrong = [
      () => spotCheck(cache, countingTeacher('another/'), loader, mix, options),
      () => spotCheck(cache, teacher, loader, mix, { ...options, seed: 1 }),
      () => spotCheck(cache, teacher, syntheticSource({ key: 'other' }), mix, options),
    ];
    // Of other images this small teacher may say the same class.
    for (const check of kind === 'hard' ? wrong.slice(0, 1) : wrong)
      await refused(
        check(),
        /epoch 0, batch \d, image \d \(sample-\d+\): expected .* as the teacher says, found .*another teacher/,
      );
    await cache.close();
    teacher.dispose();
  });
});
