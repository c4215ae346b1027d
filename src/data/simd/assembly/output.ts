// Mirroring (../../augment/flip.ts), and bytes to what the network reads (../../transform.ts).

/** Left and right exchanged: rows of `width` pixels. */
export function mirror(source: usize, width: i32, height: i32, target: usize): void {
  for (let y = 0; y < height; y++) {
    let from = source + width * 3;
    let left = width;
    // Five pixels at a time; the sixteenth byte is written over by the next ones.
    for (; left > 5; left -= 5) {
      from -= 15;
      const pixels = v128.load(from);
      v128.store(target, i8x16.swizzle(pixels, i8x16(12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2, -1)));
      target += 15;
    }
    for (; left > 0; left--) {
      from -= 3;
      store<u16>(target, load<u16>(from));
      store<u8>(target, load<u8>(from, 2), 2);
      target += 3;
    }
    source += width * 3;
  }
}

/** Each byte to the float32 of its channel's table of 256; the tables lie one after the other. */
export function normalise(source: usize, length: i32, tables: usize, target: usize): void {
  const end = source + length;
  for (let pixel = source; pixel < end; pixel += 3) {
    store<f32>(target, load<f32>(tables + ((<usize>load<u8>(pixel)) << 2)));
    store<f32>(target, load<f32>(tables + ((<usize>load<u8>(pixel, 1)) << 2), 1024), 4);
    store<f32>(target, load<f32>(tables + ((<usize>load<u8>(pixel, 2)) << 2), 2048), 8);
    target += 12;
  }
}
