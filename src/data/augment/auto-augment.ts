import { UsageError } from '../../errors.js';
import { didYouMean } from '../../suggest.js';
import type { Augmentation } from './augmentation.js';
import { AUTO_AUGMENT_POLICIES, type AutoAugmentName, type SubPolicy } from './auto-augment-policies.js';
import { applyStep, type OperationSettings } from './operations.js';
import { policySections } from './policy-text.js';
import { parseRandAugment, randAugment } from './rand-augment.js';

/**
 * What `--aa` names, as timm reads it: `rand-m9-mstd0.5-inc1` and the like are RandAugment; `original`, `originalr`, `v0`, `v0r` and `3a`,
 * with `-mstd0.5` or without, are AutoAugment policies.
 *
 * @throws UsageError for a policy that there isn't.
 */
export function autoAugmentation(policy: string, settings: OperationSettings): Augmentation {
  const [name] = policy.split('-') as [string];
  if (name === 'rand') return randAugment(parseRandAugment(policy), settings);
  if (!isAutoAugment(name)) {
    const known = ['rand', ...Object.keys(AUTO_AUGMENT_POLICIES)];
    throw new UsageError(
      `aa: unknown policy "${policy}": expected one that begins with ${known.join(', ')}.${didYouMean(name, known)}`,
    );
  }
  const deviation = Number(policySections(policy, ['mstd'])[0]?.value ?? 0);
  return autoAugment(AUTO_AUGMENT_POLICIES[name], deviation, settings);
}

/** Whether timm leaves color jitter on beside this policy: with those of 3-Augment alone. */
export function keepsColorJitter(policy: string): boolean {
  return policy.includes('3a');
}

function isAutoAugment(name: string): name is AutoAugmentName {
  return Object.hasOwn(AUTO_AUGMENT_POLICIES, name);
}

/** AutoAugment (Cubuk et al. 2019): one sub-policy is drawn, its steps are applied each with its probability. */
function autoAugment(
  policy: readonly SubPolicy[],
  deviation: number,
  settings: OperationSettings,
): Augmentation {
  return (image, draws) => {
    const steps = policy[Math.floor(draws.uniform() * policy.length)]!;
    return steps.reduce(
      (result, [name, probability, magnitude]) =>
        applyStep(result, { name, probability, magnitude, deviation }, settings, draws),
      image,
    );
  };
}
