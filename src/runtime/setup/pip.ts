import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { failureLine, runCommand, type CommandResult } from './command.js';
import { megabytes, withProgress, type SetupLog } from './log.js';
import { TENSORFLOW_VERSION, type WheelTarget } from './platform.js';

export type Command = readonly [string, ...string[]];

const CANDIDATES: readonly Command[] = [
  ['python3', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ['python', '-m', 'pip'],
  ['py', '-3', '-m', 'pip'],
];

/** The first pip that answers. */
export async function findPip(): Promise<Command | undefined> {
  for (const candidate of CANDIDATES)
    if ((await runCommand([...candidate, '--version'])).code === 0) return candidate;
  return undefined;
}

/** Wheels are chosen for this Python whatever Python runs pip: only libraries and headers are taken from them. */
const WHEEL_PYTHON = ['--python-version', '3.12', '--implementation', 'cp', '--abi', 'cp312'];

/** How `downloadWheel` and `installInto` fetch. */
export interface PipOptions {
  pip: Command;
  log: SetupLog;
  /** Empty folder for pip's temporary files. */
  work: string;
}

/** Fetches one wheel into `folder`. */
export async function downloadWheel(
  target: WheelTarget,
  folder: string,
  options: PipOptions,
): Promise<string> {
  await runPip(['download', '--no-deps', '--dest', folder], target, folder, options);
  const wheels = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
  if (wheels.length !== 1)
    throw new UserError(
      `pip download ${target.requirement}: expected one wheel in ${folder}, found ${wheels.length}.`,
    );
  return join(folder, wheels[0]!);
}

/** Installs a package with all that it depends on into `folder`. */
export async function installInto(target: WheelTarget, folder: string, options: PipOptions): Promise<void> {
  await runPip(['install', '--no-compile', '--target', folder], target, folder, options);
}

async function runPip(
  command: readonly string[],
  target: WheelTarget,
  folder: string,
  { pip, log, work }: PipOptions,
): Promise<void> {
  const requirement = `${target.requirement}==${TENSORFLOW_VERSION}`;
  log.step(`fetching ${requirement} from PyPI with ${pip.join(' ')}`);
  const result = await withProgress(
    log,
    async () => `downloading: ${megabytes((await folderBytes(work)) + (await folderBytes(folder)))}`,
    runCommand(
      [
        ...pip,
        ...command,
        '--only-binary=:all:',
        '--no-cache-dir',
        '--retries=2',
        '--disable-pip-version-check',
        ...WHEEL_PYTHON,
        ...target.platforms.flatMap((tag) => ['--platform', tag]),
        requirement,
      ],
      // pip's temporary files lie where their growth can be seen, on the disk that has the space.
      { env: { ...process.env, TMPDIR: work, TEMP: work, TMP: work } },
    ),
  );
  if (result.code !== 0) throw pipFailure(requirement, result);
}

function pipFailure(requirement: string, result: CommandResult): UserError {
  const said = failureLine(result);
  const advice = /No space left|Errno 28/i.test(result.stderr)
    ? 'Free some space, or set RECNEXT_CACHE to a folder on another disk.'
    : /connection|resolve|timed out|Network|SSL|proxy/i.test(result.stderr)
      ? 'Check the network (or pip’s index and proxy settings) and try again.'
      : 'Check that this pip can reach PyPI and is version 20.3 or newer, and try again.';
  return new UserError(`pip could not fetch ${requirement}: ${said.replace(/\.$/, '')}. ${advice}`);
}

/** Bytes of all files below `folder`; what vanishes meanwhile counts nothing. */
async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (info) => (info.isFile() ? info.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
