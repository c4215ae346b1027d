import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { cacheFolder, explainDisk, fillFolder, needSpace } from './cache.js';
import { megabytes, type SetupLog } from './log.js';
import { downloadWheel, installInto, type Command } from './pip.js';
import { TENSORFLOW_VERSION, type Variant, type WheelTarget } from './platform.js';
import { unpack } from './unpack.js';

/** A TensorFlow taken from its wheel: libraries and the headers of its C API. */
export interface TensorFlowHome {
  folder: string;
  variant: Variant;
  /** Absolute; what others link to last. */
  libraries: readonly string[];
  include: string;
}

interface Manifest {
  version: string;
  /** Sizes of the libraries in bytes, by path in the folder. */
  libraries: Record<string, number>;
}

const MANIFEST = 'manifest.json';

/** The headers of the C API (kernels and operations of one's own included) and what those include. */
const HEADERS =
  /^tensorflow\/include\/(LICENSE$|tensorflow\/c\/.*\.h$|xla\/tsl\/c\/.*\.h$|(tensorflow\/core|tensorflow\/tsl|tsl)\/platform\/ctstring\w*\.h$)/;

/** Wheel and unpacked files at once. */
const NEEDED_BYTES: Record<Variant, number> = { cpu: 1.3e9, cuda: 12e9 };

export function tensorflowFolder(variant: Variant): string {
  const suffix = variant === 'cuda' ? '-cuda' : '';
  return join(cacheFolder(), `tensorflow-${TENSORFLOW_VERSION}-${process.platform}-${process.arch}${suffix}`);
}

/** The TensorFlow in the cache, or undefined when it is not there or not whole. */
export async function findTensorFlow(
  target: WheelTarget,
  variant: Variant,
): Promise<TensorFlowHome | undefined> {
  const folder = tensorflowFolder(variant);
  try {
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as Manifest;
    for (const name of target.libraries)
      if ((await stat(join(folder, name))).size !== manifest.libraries[name]) return undefined;
  } catch {
    return undefined;
  }
  return {
    folder,
    variant,
    libraries: target.libraries.map((name) => join(folder, name)),
    include: join(folder, 'tensorflow', 'include'),
  };
}

/**
 * Fetches TensorFlow from PyPI into the cache.
 *
 * @throws UserError: no network, disk full, wheel damaged
 */
export async function fetchTensorFlow(
  target: WheelTarget,
  variant: Variant,
  pip: Command,
  log: SetupLog,
): Promise<TensorFlowHome> {
  const folder = tensorflowFolder(variant);
  await mkdir(dirname(folder), { recursive: true }).catch((error: unknown) => {
    throw explainDisk(error, folder);
  });
  await needSpace(dirname(folder), NEEDED_BYTES[variant]);
  await fillFolder(folder, async (temporary) => {
    const libraries =
      variant === 'cpu'
        ? await fromWheel(target, temporary, pip, log)
        : await fromInstallation(target, temporary, pip, log);
    for (const name of target.libraries)
      if (libraries[name] === undefined)
        throw new UserError(`the wheel of ${target.requirement} ${TENSORFLOW_VERSION} has no ${name}.`);
    const manifest: Manifest = { version: TENSORFLOW_VERSION, libraries };
    await writeFile(join(temporary, MANIFEST), JSON.stringify(manifest, null, 2));
  });
  const home = await findTensorFlow(target, variant);
  if (home === undefined) throw new UserError(`${folder}: not whole after unpacking. Try again.`);
  const bytes = home.libraries.reduce((sum, path) => sum + statSync(path).size, 0);
  log.step(`TensorFlow ${TENSORFLOW_VERSION} is in ${folder} (${megabytes(bytes)} of libraries)`);
  return home;
}

/** Downloads the wheel and takes libraries and headers out of it. pip has compared its digest with the index's. */
async function fromWheel(
  target: WheelTarget,
  folder: string,
  pip: Command,
  log: SetupLog,
): Promise<Record<string, number>> {
  const download = join(folder, 'download');
  const work = join(folder, 'work');
  await mkdir(download);
  await mkdir(work);
  const wheel = await downloadWheel(target, download, { pip, log, work });
  const names = new Set<string>(target.libraries);
  log.step(`unpacking libraries and headers (${megabytes((await stat(wheel)).size)} packed)`);
  const sizes = await unpack(wheel, folder, (name) => names.has(name) || HEADERS.test(name), log);
  await rm(download, { recursive: true });
  await rm(work, { recursive: true });
  return Object.fromEntries(Object.entries(sizes).filter(([name]) => names.has(name)));
}

/** Lets pip install TensorFlow with the CUDA packages; TensorFlow looks for those beside its own folder, so both stay as they are. */
async function fromInstallation(
  target: WheelTarget,
  folder: string,
  pip: Command,
  log: SetupLog,
): Promise<Record<string, number>> {
  const site = join(folder, 'site');
  const work = join(folder, 'work');
  await mkdir(site);
  await mkdir(work);
  await installInto(target, site, { pip, log, work });
  const headers = (await readdir(join(site, 'tensorflow', 'include'), { recursive: true }))
    .map((name) => `tensorflow/include/${name.replaceAll('\\', '/')}`)
    .filter((name) => HEADERS.test(name));
  const sizes: Record<string, number> = {};
  for (const name of [...target.libraries, ...headers]) {
    if (!existsSync(join(site, name))) continue;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await rename(join(site, name), join(folder, name));
  }
  for (const name of target.libraries)
    if (existsSync(join(folder, name))) sizes[name] = statSync(join(folder, name)).size;
  if (existsSync(join(site, 'nvidia'))) await rename(join(site, 'nvidia'), join(folder, 'nvidia'));
  await rm(site, { recursive: true });
  await rm(work, { recursive: true });
  return sizes;
}
