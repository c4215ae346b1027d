// Prints `N passed, N failed, N skipped` from vitest's JSON report. Exit code 1 unless all passed and none was skipped.
import { existsSync, readFileSync } from 'node:fs';

const [file] = process.argv.slice(2);
if (!existsSync(file)) {
  console.log('0 passed, 1 failed, 0 skipped');
  process.exit(1);
}
const report = JSON.parse(readFileSync(file, 'utf8'));
// A file that does not load has no tests that could fail.
const brokenFiles = report.testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
).length;
const failed = report.numFailedTests + brokenFiles;
const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
for (const { name, assertionResults } of report.testResults)
  for (const { status, fullName } of assertionResults)
    if (status !== 'passed' && status !== 'failed') console.log(`skipped: ${fullName} (${name})`);
console.log(`${report.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
process.exit(report.success && failed === 0 && skipped === 0 && report.numPassedTests > 0 ? 0 : 1);
