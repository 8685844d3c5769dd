/**
 * Runs one scenario in a process of its own, so that one scenario's heap and the compiler's view of its types do not
 * colour the next one's figures. `main.ts` starts it and gets its report as a message.
 */
import { watchCoreWait } from './harness/core-wait.js';
import { FULL, QUICK } from './harness/effort.js';
import type { Report } from './harness/row.js';
import { SCENARIOS } from './scenarios.js';

const [name, effort] = process.argv.slice(2);
const scenario = SCENARIOS.find((each) => each.name === name);
if (scenario === undefined || process.send === undefined) throw new Error('Only main.ts starts this file');
const waitedShare = watchCoreWait();
const rows = await scenario.run(effort === 'quick' ? QUICK : FULL);
const report: Report = { rows, waitedShare: waitedShare() };
process.send(report);
process.disconnect();
