import sharp from 'sharp';

/** Blobs of colour on a gradient, with a little noise: compresses about as a photograph. */
export function photograph(seed) {
  const [width, height] = [500, 375];
  let state = seed * 7919 + 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const waves = Array.from({ length: 24 }, () => ({
    x: (random() - 0.5) * 0.2,
    y: (random() - 0.5) * 0.2,
    phase: random() * 7,
    height: [random() * 22, random() * 22, random() * 22],
  }));
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const pixel = [128, 120, 110];
      for (const wave of waves) {
        const value = Math.sin(wave.x * x + wave.y * y + wave.phase);
        for (let c = 0; c < 3; c++) pixel[c] += value * wave.height[c];
      }
      const grain = (random() - 0.5) * 24;
      for (let c = 0; c < 3; c++)
        data[(y * width + x) * 3 + c] = Math.min(255, Math.max(0, pixel[c] + grain));
    }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}
