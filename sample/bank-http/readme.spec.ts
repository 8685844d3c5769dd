/** Sends what the README shows, in its order, and holds it to the answers that stand there. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppModule } from './app.module.js';

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
const shown = /```console\n(.*?)```/s.exec(readme)![1]!.split(/^\$ /m).slice(1);
const examples = shown.map((example) => {
  const [command = '', ...answer] = example.trim().split('\n');
  return { command, answer: answer.join('\n') };
});

/** What curl prints. Not by `fetch`, which does not tell the headers as they were sent. */
async function curl(url: string, command: string): Promise<string> {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
  const after = (option: string) => words.flatMap((word, i) => (word === option ? [words[i + 1]!] : []));
  const [path] = words.filter((word) => word.startsWith('localhost:3000'));
  const [body] = after('-d');
  const [method = body === undefined ? 'GET' : 'POST'] = after('-X');
  const headers = Object.fromEntries(after('-H').map((header) => header.split(': ')));
  const sent = request(url + path!.slice('localhost:3000'.length), { method, headers }).end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const answer = await text(response);
  if (!words.includes('-i')) return answer;
  const { httpVersion, statusCode, statusMessage, rawHeaders } = response;
  const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
  return [`HTTP/${httpVersion} ${statusCode} ${statusMessage}`, ...lines, '', answer].join('\n');
}

describe("the README's examples", () => {
  let app: INestApplication;
  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule.on('memory:')] }).compile();
    app = module.createNestApplication({ logger: false });
    await app.listen(0);
  });
  afterAll(() => app.close());

  it('are there', () => expect(examples.length).toBeGreaterThan(10));

  it.each(examples)('$command', async ({ command, answer }) => {
    // "..." stands for anything.
    const pattern = answer.split('...').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    expect(await curl(await app.getUrl(), command)).toMatch(new RegExp(`^${pattern.join('.*')}$`, 's'));
  });
});
