/** How long one run took, in milliseconds. */
export interface RunTime {
  readonly ms: number;
  /** Of all its threads. */
  readonly cpuMs: number;
}

/** Something that makes runs whenever it is asked to, and rests meanwhile. */
export interface Peer {
  /** Makes runs until so many seconds have passed, at least one. */
  run(seconds: number): Promise<RunTime[]>;
}

/**
 * Lets peers run in turns, so that what else the machine does meets all of them alike.
 *
 * @param onRound told the rounds done
 * @returns the times of each peer's runs
 */
export async function inTurns<K>(
  peers: ReadonlyMap<K, Peer>,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
  onRound: (done: number) => void = () => undefined,
): Promise<Map<K, RunTime[]>> {
  const times = new Map<K, RunTime[]>([...peers.keys()].map((key) => [key, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [key, peer] of peers) times.get(key)!.push(...(await peer.run(seconds)));
    onRound(round + 1);
  }
  return times;
}
