/** From lines to the tests of a runner. */
import { randomUUID } from 'node:crypto';
import type { ContractLine, ContractTopic } from './contract-line.js';
import type { ContractRunner } from './contract-runner.js';
import { type ContractSubject, DEFAULT_TIMEOUT_MS } from './contract-subject.js';
import { within } from './patience.js';
import { Trial } from './trial.js';

/** Declares every line of some topics. */
export function declareTopics(
  runner: ContractRunner,
  subject: ContractSubject,
  topics: readonly ContractTopic[],
): void {
  for (const topic of topics) {
    runner.describe(topic.subject, () => {
      for (const line of topic.lines) declareLine(runner, subject, line);
    });
  }
}

function declareLine({ it }: ContractRunner, subject: ContractSubject, line: ContractLine): void {
  const reason = line.needs.map((need) => need(subject)).find((why) => why !== undefined);
  if (reason === undefined) {
    const timeoutMs = subject.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    it(line.name, () => tryLine(subject, line, timeoutMs), timeoutMs);
    return;
  }
  const name = `${line.name} [skipped: ${reason}]`;
  const skipped = (): Promise<void> => Promise.resolve();
  if (it.skip === undefined) it(name, skipped);
  else it.skip(name, skipped);
}

/** How much sooner than the runner's own deadline a line gives up, so that it can still say what it waited for. */
const HEAD_START_MS = 500;

async function tryLine(subject: ContractSubject, line: ContractLine, timeoutMs: number): Promise<void> {
  const trial = new Trial(subject, `line-${randomUUID()}`);
  await trial.run((own) => within(line.prove(own), 'the whole line', timeoutMs - HEAD_START_MS));
}
