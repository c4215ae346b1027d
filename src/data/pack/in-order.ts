/**
 * Results of tasks in their order, with up to `ahead` of them under way. Leaving the loop waits for those.
 *
 * @param task given 0 … count - 1
 */
export async function* inOrder<T>(
  count: number,
  ahead: number,
  task: (i: number) => Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const running: Promise<T>[] = [];
  try {
    for (let next = 0, done = 0; done < count; done++) {
      for (; next < count && next < done + ahead; next++) {
        const result = task(next);
        result.catch(() => undefined); // thrown where it is awaited; before that it isn't unhandled
        running.push(result);
      }
      yield await running.shift()!;
    }
  } finally {
    await Promise.allSettled(running);
  }
}
