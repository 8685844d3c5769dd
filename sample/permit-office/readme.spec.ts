/** Runs what the README shows, and holds it to the answers that stand there. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GeneratedLog } from './event-log/generated-log.js';
import { RunningOffice } from './office.fixture.js';

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
const shown = /```console\n(.*?)```/s.exec(readme)![1]!.split(/^\$ /m).slice(1);
const examples = shown.map((example) => {
  const [command = '', ...answer] = example.trim().split('\n');
  return { command, answer: answer.join('\n') };
});

describe("the README's examples", () => {
  let office: RunningOffice;
  beforeAll(async () => {
    office = await RunningOffice.open();
    await office.import(new GeneratedLog());
  });
  afterAll(() => office.close());

  it('are there', () => expect(examples.length).toBeGreaterThan(5));

  it('are about the figures it prints', () => expect(readme).toContain(`\n${office.figures.toString()}\n`));

  it.each(examples)('$command', async ({ command, answer }) => {
    const [, lastEventId, path] = /^curl (?:-N -H 'Last-Event-ID: (.*)' )?localhost:3000(.*)$/.exec(command)!;
    const response = await fetch(
      office.url + path!,
      lastEventId ? { headers: { 'Last-Event-ID': lastEventId } } : {},
    );
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      // An event stream has no end of its own; the example shows its first message.
      if (lastEventId !== undefined && text.endsWith('\n\n')) break;
    }
    // "..." stands for anything.
    const pattern = answer.split('...').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    expect(text.trim()).toMatch(new RegExp(`^${pattern.join('.*')}$`, 's'));
  });
});
