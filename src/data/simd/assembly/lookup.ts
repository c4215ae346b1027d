// Counting and replacing bytes (../../augment/histogram.ts, ../../augment/lookup.ts).

/** Counts how often each byte comes in each channel: 768 counters, which are zero before. */
export function histogram(source: usize, length: i32, counts: usize): void {
  const end = source + length;
  for (let pixel = source; pixel < end; pixel += 3) {
    const red = counts + ((<usize>load<u8>(pixel)) << 2);
    const green = counts + ((<usize>load<u8>(pixel, 1)) << 2);
    const blue = counts + ((<usize>load<u8>(pixel, 2)) << 2);
    store<u32>(red, load<u32>(red) + 1);
    store<u32>(green, load<u32>(green, 1024) + 1, 1024);
    store<u32>(blue, load<u32>(blue, 2048) + 1, 2048);
  }
}

/** Replaces each byte by that of its channel's table of 256; the tables lie one after the other. */
export function lookup(source: usize, length: i32, tables: usize, target: usize): void {
  const end = source + length;
  for (let pixel = source; pixel < end; pixel += 6) {
    const red = load<u8>(tables + <usize>load<u8>(pixel));
    const green = load<u8>(tables + <usize>load<u8>(pixel, 1), 256);
    const blue = load<u8>(tables + <usize>load<u8>(pixel, 2), 512);
    const nextRed = load<u8>(tables + <usize>load<u8>(pixel, 3));
    const nextGreen = load<u8>(tables + <usize>load<u8>(pixel, 4), 256);
    const nextBlue = load<u8>(tables + <usize>load<u8>(pixel, 5), 512);
    store<u32>(target, (<u32>red) | ((<u32>green) << 8) | ((<u32>blue) << 16) | ((<u32>nextRed) << 24));
    store<u16>(target, (<u16>nextGreen) | ((<u16>nextBlue) << 8), 4);
    target += 6;
  }
}
