import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A Python with `moto[server]`, a server that speaks S3: `RECNEXT_MOTO_PYTHON`. */
const python = process.env.RECNEXT_MOTO_PYTHON;

export const hasMoto = python !== undefined && python !== '';
export const NO_MOTO = 'no Python with moto[server] on this machine (RECNEXT_MOTO_PYTHON)';

/** Starts a server with S3 on the loopback. */
export async function startMoto(): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort();
  const server = spawn(python!, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 300; attempt++) {
    if (server.exitCode !== null) throw new Error(`moto ended with ${server.exitCode}`);
    const answers = await fetch(`${url}/moto-api/`).then(
      () => true,
      () => false,
    );
    if (answers) return { url, stop: () => ended(server) };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await ended(server);
  throw new Error('moto does not answer');
}

function ended(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    server.once('exit', () => resolve());
    if (!server.kill()) resolve();
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
