// `npm start`: makes the clone ready, then runs the main job. Arguments are passed on: `npm start -- --help`.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function node(...args) {
  const { status, signal, error } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (error) throw error;
  if (signal) process.kill(process.pid, signal);
  return status ?? 1;
}

process.exitCode =
  node(join(root, 'scripts', 'bootstrap.mjs')) ||
  node(join(root, 'scripts', 'main-job.mjs'), ...process.argv.slice(2));
