import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../errors.js';
import { NODE_PACKAGE } from '../backend-names.js';
import { failureLine, runCommand } from './command.js';
import { withProgress, type SetupLog } from './log.js';

/** The version whose JavaScript and binding this toolkit knows. */
const NODE_PACKAGE_VERSION = '4.22.0';

/** The folder of this package: the nearest one above with a package.json. */
export function ownPackageFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder)
      throw new Error(
        `no package.json above ${start}: recnext runs from its package folder, not bundled into one file.`,
      );
  }
}

/** Where `require` finds tfjs-node-gpu from here, looked up afresh (Node.js remembers what it did not find). */
export function findNodePackage(from = ownPackageFolder()): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', NODE_PACKAGE);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * The folder whose node_modules holds this package's dependencies: the checkout, the project that depends on this package, or this
 * package itself when it is installed globally. Throws UserError where npm is not what installs there.
 */
export function owningProject(own = ownPackageFolder()): string {
  if (own.includes(`${sep}.pnpm${sep}`) || process.versions.pnp !== undefined)
    throw new UserError(
      `${NODE_PACKAGE} is missing and this project is not installed by npm. Add it with ` +
        (process.versions.pnp === undefined
          ? `\`pnpm add ${NODE_PACKAGE}@${NODE_PACKAGE_VERSION}\`.`
          : `\`yarn add ${NODE_PACKAGE}@${NODE_PACKAGE_VERSION}\` and nodeLinker: node-modules.`),
    );
  const marker = `${sep}node_modules${sep}`;
  const end = own.lastIndexOf(marker);
  const project = end < 0 ? own : own.slice(0, end);
  const foreign = ['pnpm-lock.yaml', 'yarn.lock', 'bun.lock'].find((name) => existsSync(join(project, name)));
  if (foreign !== undefined)
    throw new UserError(
      `${NODE_PACKAGE} is missing and ${project} is not installed by npm (it has ${foreign}). ` +
        `Add ${NODE_PACKAGE}@${NODE_PACKAGE_VERSION} to it with the package manager it uses.`,
    );
  return existsSync(join(project, 'package.json')) ? project : own;
}

/**
 * Brings the package of tfjs-node-gpu (npm removes an optional dependency whose install script failed), without that script and
 * without a change to package.json or the lock file.
 *
 * @throws UserError: npm missing or failed, another package manager
 */
export async function ensureNodePackage(log: SetupLog): Promise<string> {
  const there = findNodePackage();
  if (there !== undefined) return there;
  const project = owningProject();
  log.step(`adding ${NODE_PACKAGE} ${NODE_PACKAGE_VERSION} to ${join(project, 'node_modules')}`);
  const result = await withProgress(
    log,
    () => 'npm install',
    runCommand(
      [
        ...npmCommand(),
        'install',
        '--no-save',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        ...(hasDevDependencies(project) ? [] : ['--omit=dev']),
        `${NODE_PACKAGE}@${NODE_PACKAGE_VERSION}`,
      ],
      { cwd: project },
    ),
  );
  const folder = findNodePackage();
  if (result.code === 0 && folder !== undefined) return folder;
  if (result.code === undefined)
    throw new UserError(`npm is missing, which brings ${NODE_PACKAGE}: install Node.js with npm.`);
  // npm counts it as optional and leaves it out without an error when it cannot be fetched.
  const said = result.code === 0 ? 'it could not be fetched' : failureLine(result).replace(/\.$/, '');
  throw new UserError(
    `npm could not bring ${NODE_PACKAGE}: ${said}. Check the network, and that ${project} is yours to write.`,
  );
}

/** npm by its own script when it started us: on Windows `npm` is a batch file, which cannot be run without a shell. */
function npmCommand(): [string, ...string[]] {
  const script = process.env.npm_execpath;
  if (script?.endsWith('npm-cli.js')) return [process.execPath, script];
  const beside = join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  return process.platform === 'win32' ? [process.execPath, beside] : ['npm'];
}

/** Whether what is installed includes development dependencies, which `npm install` would otherwise add or remove. */
function hasDevDependencies(project: string): boolean {
  try {
    const { packages } = JSON.parse(
      readFileSync(join(project, 'node_modules', '.package-lock.json'), 'utf8'),
    ) as { packages: Record<string, { dev?: boolean }> };
    return Object.values(packages).some(({ dev }) => dev === true);
  } catch {
    return false;
  }
}
