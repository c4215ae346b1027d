import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

/** Where Chromium is: named by RECNEXT_CHROMIUM, or where Debian's package puts it. */
const PLACES = [process.env.RECNEXT_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'];

export const CHROMIUM = PLACES.find((path) => path !== undefined && existsSync(path));
export const NO_CHROMIUM =
  'no Chromium: install it (apt-get install chromium), or name it by RECNEXT_CHROMIUM';

/** A real browser without a window. Its sandbox needs rights that containers lack. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
}
