import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NODE_PACKAGE = '@tensorflow/tfjs-node-gpu';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A copy of the built program on a machine that has nothing else: no programs on its path but Node.js and those given, an
 * empty cache, and tfjs-node-gpu without its native addon (as npm leaves it when scripts may not run).
 */
export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), 'recnext-sandbox-'));
  readonly cache = join(this.folder, 'cache');
  private readonly bin = join(this.folder, 'bin');

  constructor() {
    const project = join(this.folder, 'project');
    if (!existsSync(join(ROOT, 'dist', 'cli', 'main.js'))) throw new Error('run `npm run build` first');
    cpSync(join(ROOT, 'dist'), join(project, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(project, 'package.json'));
    linkPackages(join(ROOT, 'node_modules'), join(project, 'node_modules'));
    mkdirSync(this.bin);
    this.program('node', `exec "${process.execPath}" "$@"`);
  }

  /** Adds a program to the path. */
  program(name: string, script: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Runs the program there. */
  recnext(...args: string[]): Promise<Finished> {
    return this.node(join(this.folder, 'project', 'dist', 'cli', 'main.js'), ...args);
  }

  node(...args: string[]): Promise<Finished> {
    const child = spawn(process.execPath, args, {
      cwd: join(this.folder, 'project'),
      // The shell that runs the scripts above is found by its path.
      env: { PATH: this.bin, HOME: this.folder, RECNEXT_CACHE: this.cache },
    });
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => (text.stdout += String(data)));
    child.stderr.on('data', (data) => (text.stderr += String(data)));
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...text })));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Links every package, but copies tfjs-node-gpu's JavaScript without what its installation adds. */
function linkPackages(from: string, to: string): void {
  const link = (name: string): void => {
    const target = join(to, name);
    if (existsSync(target)) return;
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(join(from, name), target, 'junction');
  };
  for (const name of readdirSync(from)) {
    if (name.startsWith('.')) continue;
    if (!name.startsWith('@')) link(name);
    else
      for (const scoped of readdirSync(join(from, name)))
        if (`${name}/${scoped}` !== NODE_PACKAGE) link(`${name}/${scoped}`);
  }
  const parts = ['package.json', 'dist', 'binding'].filter((part) =>
    existsSync(join(from, NODE_PACKAGE, part)),
  );
  for (const part of parts)
    cpSync(join(from, NODE_PACKAGE, part), join(to, NODE_PACKAGE, part), { recursive: true });
}
