/** What is made once for each size of image, when it is first asked for. */
export class BySize<T extends { dispose(): void | Promise<void> }> {
  private readonly made = new Map<string, Promise<T>>();

  constructor(private readonly make: (height: number, width: number) => Promise<T>) {}

  get(height: number, width: number): Promise<T> {
    const key = `${height}x${width}`;
    let item = this.made.get(key);
    if (item === undefined) this.made.set(key, (item = this.make(height, width)));
    return item;
  }

  /** All that there are. */
  all(): Promise<T[]> {
    return Promise.all(this.made.values());
  }

  dispose(): void {
    for (const item of this.made.values())
      item
        .then((made) => made.dispose())
        // One that was never made has nothing to give back.
        .catch(() => undefined);
    this.made.clear();
  }
}
