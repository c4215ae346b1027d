import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import { SHA } from '../../helpers/fake-hub.js';
import { stallAfter } from '../../helpers/file-server.js';
import { ADDRESS, noise, withHub } from './setup.js';

const WEIGHTS = noise(3_000_000);
const FILE = 'model.safetensors';

describe('several processes', () => {
  const at = withHub();
  let code: string;
  beforeAll(async () => {
    const entry = fileURLToPath(new URL('../../../src/convert/hub/resolve-weights.ts', import.meta.url));
    const built = await build({
      configFile: false,
      logLevel: 'silent',
      build: {
        write: false,
        minify: false,
        ssr: entry,
        // One file: it is run without one.
        rollupOptions: { output: { inlineDynamicImports: true } },
      },
      ssr: { noExternal: true },
    });
    const [chunk] = (built as { output: { code?: string }[] }).output;
    code = `${chunk?.code};\nconst options = { notice: console.log, timing: { stallMs: 700, retries: 3, backoffMs: 5, pollMs: 20 } };\nconsole.log('there', await resolveWeights('${ADDRESS}', options));`;
  });
  const start = (): { child: ChildProcess; out: () => string; ended: Promise<unknown> } => {
    const child = spawn(process.execPath, ['--input-type=module'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (out += String(text)));
    child.stdin.end(code);
    return { child, out: () => out, ended: once(child, 'close') };
  };
  const whole = (): boolean =>
    readFileSync(join(at.repoFolder, 'snapshots', SHA, FILE)).equals(WEIGHTS) &&
    readdirSync(join(at.repoFolder, 'blobs')).length === 1;

  it('that fetch the same file at once all get it whole', async () => {
    at.hub.files.set(FILE, WEIGHTS);
    at.hub.cdn.faults.push(stallAfter(1_000_000));
    const all = [start(), start(), start()];
    await Promise.all(all.map(({ ended }) => ended));
    for (const { out } of all) expect(out()).toContain('there ');
    expect(whole()).toBe(true);
  });

  it('go on with what one left that was killed', async () => {
    at.hub.files.set(FILE, WEIGHTS);
    const came = new Promise<void>((resolve) => {
      at.hub.cdn.faults.push((reply) => {
        stallAfter(1_000_000)(reply);
        setTimeout(resolve, 200);
      });
    });
    const first = start();
    await came;
    first.child.kill('SIGKILL');
    await first.ended;
    const second = start();
    await second.ended;
    expect(second.out()).toMatch(/from 1\.0 MB on/);
    expect(at.hub.fetched(FILE).map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=1000000-']);
    expect(whole()).toBe(true);
  });
});
