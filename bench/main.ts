/** `npm run bench`: measures everything, prints one table. `--help` tells the options. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { thisMachine } from './harness/machine.js';
import type { Report, Row } from './harness/row.js';
import { tableOf } from './harness/table.js';
import { SCENARIOS } from './scenarios.js';

const HELP = `npm run bench -- [options]
  --only <name>   measure this scenario only; may be given several times: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --quick         a smoke run of a few seconds; its figures say nothing
  --json <file>   write machine, date and rows, with the spread of their rounds, into a file
  --help          this text`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const { only, quick, json, help } = values;
const unknown = only.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
if (help || unknown !== undefined) {
  if (unknown !== undefined) console.error(`There is no scenario "${unknown}".\n`);
  console.log(HELP);
  process.exit(help ? 0 : 1);
}

const machine = thisMachine();
const date = new Date().toISOString();
const rows: Row[] = [];
const waitedShares: Record<string, number> = {};
for (const { name } of SCENARIOS) {
  if (only.length > 0 && !only.includes(name)) continue;
  process.stderr.write(`measuring ${name} ...`);
  const report = await measured(name);
  rows.push(...report.rows);
  waitedShares[name] = report.waitedShare;
  console.error(` waited for a core ${Math.round(report.waitedShare * 100)} % of the time`);
}
console.log(
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}, ${date}\n`,
);
console.log(tableOf(rows));
if (json !== undefined)
  writeFileSync(json, `${JSON.stringify({ machine, date, quick, waitedShares, rows }, null, 2)}\n`);

/** The flags of this process (`--cpu-prof`, say) are the scenario's too. */
async function measured(scenario: string): Promise<Report> {
  const child = fork(
    fileURLToPath(new URL('scenario-process.js', import.meta.url)),
    [scenario, quick ? 'quick' : 'full'],
    { execArgv: [...process.execArgv, '--expose-gc'] },
  );
  let received: Report | undefined;
  child.on('message', (message) => (received = message as Report));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0 || received === undefined) throw new Error(`Scenario "${scenario}" failed`);
  return received;
}
