/**
 * Adds up vitest's JSON reports, names what was skipped (a skipped test carries its reason in its name), and ends
 * with the one line that counts. A file that could not run at all counts as a failure, a run of nothing as well.
 */
import { readFileSync } from 'node:fs';

/** Of each failure: what was expected, and at the end where and how to repeat it. */
const FIRST_LINES = 20;
const LAST_LINES = 15;
const counts = { passed: 0, failed: 0, skipped: 0 };

for (const path of process.argv.slice(2)) {
  for (const file of filesOf(path)) {
    const before = counts.failed;
    for (const { status, fullName, failureMessages } of file.assertionResults) {
      counts[status === 'passed' || status === 'failed' ? status : 'skipped'] += 1;
      if (status === 'failed') console.log(`failed: ${fullName}\n${shortened(failureMessages.join('\n'))}`);
      else if (status !== 'passed') console.log(`skipped: ${fullName}`);
    }
    if (file.status === 'failed' && counts.failed === before) {
      counts.failed += 1;
      console.log(`failed: ${file.name} as a whole: ${shortened(file.message)}`);
    }
  }
}

console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;

/** Indented, so that no line of it is taken for one of this report. */
function shortened(message) {
  const lines = message.split('\n');
  const left = lines.length - FIRST_LINES - LAST_LINES;
  if (left > 0) lines.splice(FIRST_LINES, left, `... ${left} lines ...`);
  return lines.map((line) => `    ${line}`).join('\n');
}

function filesOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).testResults;
  } catch (error) {
    counts.failed += 1;
    console.log(`failed: no test report in ${path}: ${error.message}`);
    return [];
  }
}
