import { UserError } from '../errors.js';
import { writeFileAtomic } from '../runtime/files.js';
import { reportPage } from './page.js';
import { readRuns } from './run-record.js';

export interface ReportResult {
  readonly file: string;
  readonly bytes: number;
  /** Names of the runs, as the report calls them. */
  readonly runs: readonly string[];
}

/**
 * Writes one HTML page about several runs: curves, results, differences of their configurations, results by class where the runs have
 * them.
 *
 * @param paths folders of runs, or log.txt files alone
 */
export async function writeReport(paths: readonly string[], output: string): Promise<ReportResult> {
  if (paths.length === 0) throw new UserError('a report needs at least one run.');
  const runs = await readRuns(paths);
  const bytes = await writeFileAtomic(output, await reportPage(runs, new Date()));
  return { file: output, bytes, runs: runs.map(({ name }) => name) };
}
