import { CheckpointError } from '../checkpoint-error.js';

/** What wrappers put before every name: DistributedDataParallel, and models that hold the network as a part. */
const PREFIXES = ['module.', 'backbone.'];
/** torch.compile's wrapper, which may also sit around a part of the model. */
const COMPILED = '_orig_mod.';
/** Wrappers around wrappers; more are no training set-up but an attack on our time. */
const MAX_ROUNDS = 8;

/** `names` in order, without wrappers' prefixes; `notes` says what was removed. */
export function stripPrefixes(names: readonly string[], where: string): { names: string[]; notes: string[] } {
  let current = [...names];
  const notes: string[] = [];
  const removed = new Set<string>();
  for (let round = 0, again = true; again && round < MAX_ROUNDS; round++) {
    again = false;
    if (current.some((name) => name.includes(COMPILED))) {
      current = current.map((name) => name.replaceAll(COMPILED, ''));
      removed.add(COMPILED);
      again = true;
    }
    for (const prefix of PREFIXES)
      if (
        current.length > 0 &&
        current.every((name) => name.startsWith(prefix) && name.length > prefix.length)
      ) {
        current = current.map((name) => name.slice(prefix.length));
        removed.add(prefix);
        again = true;
      }
  }
  for (const prefix of removed) notes.push(`prefix "${prefix}" removed from the names`);
  const seen = new Set<string>();
  for (const name of current) {
    if (seen.has(name)) throw new CheckpointError('corrupt', `${where}: ${name}`, 'two tensors of this name');
    seen.add(name);
  }
  return { names: current, notes };
}
