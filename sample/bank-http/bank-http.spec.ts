/** The bank as its clients see it: over real HTTP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { EventStore, type Problem } from '@allframe/nestjs';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AppModule } from './app.module.js';

let app: INestApplication;
let url: string;
beforeEach(() => begin('memory:'));
afterEach(() => app.close());

async function begin(store: string): Promise<void> {
  const module = await Test.createTestingModule({ imports: [AppModule.on(store)] }).compile();
  app = module.createNestApplication({ logger: false });
  await app.listen(0);
  url = await app.getUrl();
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & Partial<Problem>;
  readonly etag: string | null;
  readonly media: string;
  readonly correlationId: string | null;
}

async function send(
  method: string,
  path: string,
  body?: object | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
    etag: response.headers.get('etag'),
    media: response.headers.get('content-type') ?? '',
    correlationId: response.headers.get('x-correlation-id'),
  };
}

const open = (id: string, owner = 'Ada') => send('PUT', `/accounts/${id}`, { owner });
const deposit = (id: string, amount: unknown, headers = {}) =>
  send('POST', `/accounts/${id}/deposits`, { amount }, headers);
const withdraw = (id: string, amount: number, headers = {}) =>
  send('POST', `/accounts/${id}/withdrawals`, { amount }, headers);
const balanceOf = async (id: string): Promise<unknown> =>
  (await send('GET', `/accounts/${id}`)).body['balance'];

describe('an account', () => {
  it('is opened, filled, and shown with its ETag', async () => {
    expect(await open('a1')).toMatchObject({ status: 201, body: { version: 1, position: 1 }, etag: '"1"' });
    expect(await deposit('a1', 500)).toMatchObject({ status: 201, body: { version: 2 }, etag: '"2"' });
    expect(await send('GET', '/accounts/a1')).toMatchObject({
      status: 200,
      etag: '"2"',
      body: { id: 'a1', owner: 'Ada', balance: 500, version: 2 },
    });
    expect(
      await send('GET', '/accounts/a1', undefined, { 'If-None-Match': '"2"', 'Cache-Control': 'max-age=0' }),
    ).toMatchObject({
      status: 304,
    });
  });

  it('is not opened twice', async () => {
    await open('a1');
    const refusal = {
      status: 409,
      body: { code: 'AccountIsOpenError', detail: 'The account is open already' },
    };
    expect(await open('a1', 'Grace')).toMatchObject(refusal);
    // Nor by one who names the version at which it is open.
    for (const version of ['"1"', '*'])
      expect(await send('PUT', '/accounts/a1', { owner: 'Grace' }, { 'If-Match': version })).toMatchObject(
        refusal,
      );
    expect((await send('GET', '/accounts/a1')).body).toMatchObject({ owner: 'Ada', version: 1 });
  });

  it('that is not there is not found', async () => {
    for (const answer of [await send('GET', '/accounts/a9'), await deposit('a9', 1)]) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'AggregateNotFoundError', status: 404 } });
      expect(answer.media).toMatch(/^application\/problem\+json/);
    }
  });

  it('is changed only as the client has seen it, where it says so', async () => {
    const { etag } = await open('a1');
    expect(await deposit('a1', 1, { 'If-Match': etag })).toMatchObject({ status: 201, etag: '"2"' });
    expect(await deposit('a1', 1, { 'If-Match': etag })).toMatchObject({ status: 412 });
    expect(await deposit('a1', 1, { 'If-Match': '*' })).toMatchObject({ status: 201 });
    for (const noVersion of ['W/"3"', '3', '"three"', '"0"', '"-1"'])
      expect(await deposit('a1', 1, { 'If-Match': noVersion })).toMatchObject({ status: 400 });
    expect(await balanceOf('a1')).toBe(2);
  });

  it('does not come to be by a deposit, whatever version that names', async () => {
    for (const [version, status] of [
      ['*', 404],
      ['"0"', 400],
      ['"1"', 404],
    ] as const)
      expect(await deposit('a9', 1, { 'If-Match': version })).toMatchObject({ status });
    expect(await send('GET', '/accounts/a9')).toMatchObject({ status: 404 });
  });

  it('is changed by one of many who have seen the same version', async () => {
    await open('a1');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => deposit('a1', 1, { 'If-Match': '"1"' })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 412)]);
    expect(await balanceOf('a1')).toBe(1);
  });

  it('is not overdrawn', async () => {
    await open('a1');
    await deposit('a1', 500);
    expect(await withdraw('a1', 501)).toMatchObject({
      status: 422,
      body: { code: 'InsufficientFundsError', detail: 'There are only 500 cents in the account' },
    });
    expect(await withdraw('a1', 500)).toMatchObject({ status: 201 });
  });

  it('takes every deposit of many at once', async () => {
    await open('a1');
    const answers = await Promise.all(Array.from({ length: 10 }, () => deposit('a1', 1)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
    expect(await balanceOf('a1')).toBe(10);
  });
});

describe('a request that is not valid', () => {
  it('is told each of its faults', async () => {
    await open('a1');
    for (const amount of ['5', -5, 0.5, null])
      expect(await deposit('a1', amount)).toMatchObject({
        status: 400,
        body: { code: 'CommandValidationError', issues: [{ path: 'amount' }] },
      });
    expect(await send('PUT', '/accounts/a-2', { owner: ' ' })).toMatchObject({
      status: 400,
      body: { issues: [{ path: 'accountId' }, { path: 'owner' }] },
    });
    expect(await send('POST', '/accounts/a1/deposits')).toMatchObject({ status: 400 });
    expect(await balanceOf('a1')).toBe(0);
  });

  it('is answered with a problem document, also where it reaches no controller', async () => {
    for (const [answer, status] of [
      [await send('POST', '/accounts/a1/deposits', '{"amount":'), 400],
      [await send('POST', '/accounts/a1/deposits', `{"amount":${' '.repeat(200_000)}1}`), 413],
      [await send('GET', '/loans'), 404],
    ] as const) {
      expect(answer).toMatchObject({ status, body: { type: 'about:blank', status } });
      expect(answer.media).toMatch(/^application\/problem\+json/);
    }
  });
});

describe('an Idempotency-Key', () => {
  it('has its effect once, however often and at whatever time it is sent', async () => {
    await open('a1');
    const once = () => deposit('a1', 500, { 'Idempotency-Key': 'key-1' });
    const answers = await Promise.all(Array.from({ length: 20 }, once));
    for (const answer of [...answers, await once()])
      expect(answer).toMatchObject({ status: 201, body: { version: 2, position: 2 }, etag: '"2"' });
    expect(await balanceOf('a1')).toBe(500);
    expect(await deposit('a1', 501, { 'Idempotency-Key': 'key-1' })).toMatchObject({
      status: 409,
      body: { code: 'IdempotencyConflictError' },
    });
  });

  it('is of one body: of many requests that differ, one has its effect', async () => {
    await open('a1');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => deposit('a1', 1 + (i % 2), { 'Idempotency-Key': 'key-1' })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual(Array.from({ length: 20 }, (_, i) => (i < 10 ? 201 : 409)));
    expect(await send('GET', '/accounts/a1')).toMatchObject({ etag: '"2"' });
  });

  it('gives the first answer again, though the version that the request names is the latest no more', async () => {
    await open('a1');
    const headers = { 'Idempotency-Key': 'key-1', 'If-Match': '"1"' };
    const first = await deposit('a1', 5, headers);
    expect(first).toMatchObject({ status: 201, etag: '"2"' });
    await deposit('a1', 5);
    expect(await deposit('a1', 5, headers)).toMatchObject({ status: 201, body: first.body, etag: '"2"' });
    expect(await balanceOf('a1')).toBe(10);
  });

  it('is not used up by a request that was refused', async () => {
    await open('a1');
    const once = () => withdraw('a1', 5, { 'Idempotency-Key': 'key-1' });
    expect(await once()).toMatchObject({ status: 422 });
    await deposit('a1', 5);
    expect(await once()).toMatchObject({ status: 201 });
  });

  it('has to be one', async () => {
    await open('a1');
    for (const key of ['', 'k'.repeat(257)])
      expect(await deposit('a1', 1, { 'Idempotency-Key': key })).toMatchObject({ status: 400 });
  });

  it('holds after a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'allframe-bank-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const answers: Answer[] = [];
    for (let start = 0; start < 2; start++) {
      await app.close();
      await begin(`allsource:${directory}`);
      if (start === 0) await open('a1');
      answers.push(await deposit('a1', 500, { 'Idempotency-Key': 'key-1' }));
    }
    expect(answers[1]).toEqual({ ...answers[0], correlationId: expect.any(String) });
    expect(await balanceOf('a1')).toBe(500);
  });
});

describe('a transfer', () => {
  it('is one commit over two accounts, and happens once for its Idempotency-Key', async () => {
    await Promise.all([open('a1'), open('a2', 'Grace')]);
    await deposit('a1', 500);
    const appendAll = vi.spyOn(app.get(EventStore), 'appendAll');
    const transfer = (amount: number, headers = {}) =>
      send('POST', '/transfers', { from: 'a1', to: 'a2', amount }, headers);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => transfer(200, { 'Idempotency-Key': 't' })),
    );
    expect(new Set(answers.map(({ status, body }) => `${status} ${body['position'] as number}`)).size).toBe(
      1,
    );
    expect([await balanceOf('a1'), await balanceOf('a2')]).toEqual([300, 200]);
    expect(await transfer(201, { 'Idempotency-Key': 't' })).toMatchObject({ status: 409 });
    expect(appendAll.mock.calls).toMatchObject([
      [
        [
          { streamId: 'account-a1', expectedVersion: 2 },
          { streamId: 'account-a2', expectedVersion: 1 },
        ],
      ],
    ]);
    expect(await transfer(301)).toMatchObject({ status: 422 });
    await Promise.all(Array.from({ length: 6 }, () => transfer(50)));
    expect([await balanceOf('a1'), await balanceOf('a2')]).toEqual([0, 500]);
    expect(await send('POST', '/transfers', { from: 'a1', to: 'a1', amount: 1 })).toMatchObject({
      status: 400,
      body: { issues: [{ path: 'to' }] },
    });
  });

  it('takes nothing from an account where the other one is not there', async () => {
    await open('a1');
    await deposit('a1', 500);
    for (const [from, to] of [
      ['a1', 'a9'],
      ['a9', 'a1'],
    ])
      expect(await send('POST', '/transfers', { from, to, amount: 1 })).toMatchObject({ status: 404 });
    expect(await balanceOf('a1')).toBe(500);
  });
});

describe('what a request has caused', () => {
  it('is found by its correlation id', async () => {
    const headers = { 'X-Correlation-Id': 'visit-1', 'Idempotency-Key': 'k' };
    const { correlationId } = await send('PUT', '/accounts/a1', { owner: 'Ada' }, headers);
    expect(correlationId).toBe('visit-1');
    const [opened] = await app.get(EventStore).getEvents('account-a1');
    expect(opened?.metadata).toEqual({ correlationId: 'visit-1', causationId: 'k' });
    // A request that brings none is given one, also where it fails.
    expect((await deposit('a9', 1)).correlationId).toMatch(/^[\da-f-]{36}$/);
  });
});
