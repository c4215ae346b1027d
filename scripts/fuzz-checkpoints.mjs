// Mutates checkpoint files and reads them: every one must be read or refused with a CheckpointError, within two seconds and
// three times its size plus 64 MB of memory. Runs without the right to start processes, to write files or to compile code.
//
//   npm run fuzz -- [--count 20000] [--seed 1] [--keep FOLDER]      (--keep: where to write what was found)
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(join(root, 'dist/src/convert/checkpoint.js'))) {
  console.error('fuzz: the readers are not built: run "npm run build" first.');
  process.exit(1);
}

/** One of the folders that hold fixtures: the repository's own, and the reference checkpoints where they are. */
const FOLDERS = [join(root, 'test/fixtures/checkpoints'), join(root, '../shared/golden/checkpoints')];
const files = FOLDERS.filter(existsSync).flatMap((folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(pth|pt|bin|safetensors)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
);

const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';
const flags = [
  permission,
  '--allow-fs-read=*',
  '--disallow-code-generation-from-strings',
  '--expose-gc',
  '--no-warnings',
];
const worker = join(root, 'scripts/fuzz/worker.mjs');

/** Runs mutations `from` to `to` in a process of its own; its report, or undefined when it died. */
function run(from, to) {
  const job = JSON.stringify({ files, seed: Number(values.seed), from, to });
  const child = spawnSync(process.execPath, [...flags, worker, job], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 600_000,
  });
  const last = child.stdout.trim().split('\n').at(-1);
  if (child.status === 0) return JSON.parse(last);
  // Died: out of memory, out of stack, killed. The last line names the case it was at.
  return {
    died: Number(last),
    why: child.stderr.slice(-2000),
    outcomes: {},
    findings: [],
    slowest: 0,
    largest: 0,
  };
}

const count = Number(values.count);
const STEP = 1000;
const outcomes = {};
const findings = [];
let slowest = 0;
let largest = 0;
for (let from = 0; from < count; from += STEP) {
  let report = run(from, Math.min(from + STEP, count));
  while (report.died !== undefined) {
    findings.push({ index: report.died, problem: `the process died: ${report.why}` });
    report = run(report.died + 1, Math.min(from + STEP, count));
  }
  for (const [kind, n] of Object.entries(report.outcomes)) outcomes[kind] = (outcomes[kind] ?? 0) + n;
  for (const finding of report.findings) {
    // Time and memory are measured again alone: neighbours' garbage and a busy machine do not count.
    if (finding.problem) findings.push(finding);
    else {
      const alone = run(finding.index, finding.index + 1);
      findings.push(...alone.findings.map((f) => ({ ...f, problem: f.problem ?? f.suspicion })));
    }
  }
  slowest = Math.max(slowest, report.slowest);
  largest = Math.max(largest, report.largest);
  process.stderr.write(`\r${Math.min(from + STEP, count)} of ${count}, ${findings.length} findings`);
}
process.stderr.write('\n');
if (values.keep && findings.length > 0) {
  mkdirSync(values.keep, { recursive: true });
  writeFileSync(
    join(values.keep, 'findings.json'),
    JSON.stringify({ seed: Number(values.seed), files, findings }, null, 1),
  );
}
console.log(
  JSON.stringify(
    { count, fixtures: files.length, outcomes, slowestMs: slowest, largestMB: largest, findings },
    null,
    1,
  ),
);
process.exitCode = findings.length > 0 ? 1 : 0;
