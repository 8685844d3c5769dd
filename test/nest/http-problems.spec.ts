/** Failed requests over real HTTP, as problem documents, and what causes what they have caused. */
import {
  AggregateNotFoundError,
  AllFrameExceptionFilter,
  AllFrameModule,
  AppendOutcomeUnknownError,
  CommandResultLostError,
  CommandValidationError,
  DomainError,
  EventStore,
  IdempotencyConflictError,
  METADATA_OPTIONS,
  MetadataInterceptor,
  PROBLEM_OPTIONS,
  type Problem,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import {
  type ArgumentsHost,
  BadRequestException,
  ConflictException,
  Controller,
  Get,
  type INestApplication,
  InternalServerErrorException,
  Inject,
  Param,
  Post,
  UseInterceptors,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, type HttpAdapterHost } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

class TooPoorError extends DomainError {
  readonly code = 'TooPoorError';
  constructor() {
    super('There is not enough');
  }
}

class ForbiddenHereError extends DomainError {
  readonly code = 'ForbiddenHereError';
  override readonly kind = 'unauthorised';
}

const failures: Readonly<Record<string, () => unknown>> = {
  missing: () => new AggregateNotFoundError('account', 'a1'),
  conflict: () => new WrongExpectedVersionError('account-a1', 1, 2),
  invalid: () => new CommandValidationError('Open', [{ path: 'owner', message: 'is empty' }]),
  poor: () => new TooPoorError(),
  forbidden: () => new ForbiddenHereError('Not you'),
  again: () => new IdempotencyConflictError('Open', 'key'),
  lost: () => new CommandResultLostError('Open', 'key', []),
  unknown: () => new AppendOutcomeUnknownError([], { cause: new Error('10.0.0.7:5432') }),
  bug: () => new TypeError('secret of the server'),
  thrown: () => 'text',
  nest: () => new ConflictException('as Nest says it'),
  pipe: () => new BadRequestException(['name is empty', 'age is no number']),
  large: () =>
    Object.assign(new Error('request entity too large'), { status: 413, statusCode: 413, expose: true }),
  fastify: () => {
    class FastifyError extends Error {
      readonly statusCode = 415;
    }
    return new FastifyError('Unsupported Media Type');
  },
  file: () => Object.assign(new Error("'/srv/secret'"), { status: 404, statusCode: 404, expose: false }),
  bucket: () => Object.assign(new Error('internal-bucket-7'), { statusCode: 404 }),
  odd: () => Object.assign(new Error('db-1 has said 200'), { statusCode: 200 }),
  inner: () => new InternalServerErrorException('10.0.0.7 has refused'),
};

@Controller()
class Failing {
  constructor(@Inject(EventStore) private readonly store: EventStore) {}

  @Get('fail/:how') fail(@Param('how') how: string): never {
    throw failures[how]?.();
  }

  @Post('named')
  @UseInterceptors(new MetadataInterceptor({ metadata: () => ({ correlationId: 'own' }) }))
  named(): Promise<unknown> {
    return this.append();
  }

  @Post('append') async append(): Promise<unknown> {
    await this.store.append('s', [{ type: 'happened', data: {} }]);
    return (await this.store.getEvents('s')).at(-1)?.metadata;
  }
}

let app: INestApplication;
let url: string;
beforeAll(async () => {
  const module = await Test.createTestingModule({
    imports: [AllFrameModule.forRoot()],
    controllers: [Failing],
    providers: [
      { provide: APP_FILTER, useClass: AllFrameExceptionFilter },
      { provide: PROBLEM_OPTIONS, useValue: { typeBase: 'https://bank.example/problems/' } },
      { provide: APP_INTERCEPTOR, useClass: MetadataInterceptor },
      { provide: METADATA_OPTIONS, useValue: { metadata: () => ({ user: 'ada' }) } },
    ],
  }).compile();
  app = module.createNestApplication({ logger: false });
  await app.listen(0);
  url = await app.getUrl();
});
afterAll(() => app.close());

async function failed(
  how: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Problem & { readonly media: string | null }> {
  const response = await fetch(`${url}/fail/${how}?x=1`, { headers });
  const problem = (await response.json()) as Problem;
  expect(response.status).toBe(problem.status);
  return { ...problem, media: response.headers.get('content-type') };
}

describe('a failed request', () => {
  it.each([
    ['missing', 404, 'AggregateNotFoundError'],
    ['conflict', 409, 'WrongExpectedVersionError'],
    ['invalid', 400, 'CommandValidationError'],
    ['poor', 422, 'TooPoorError'],
    ['forbidden', 403, 'ForbiddenHereError'],
    ['unknown', 503, 'AppendOutcomeUnknownError'],
  ])('(%s) is answered by a problem document of status %i', async (how, status, code) => {
    const problem = await failed(how);
    expect(problem).toMatchObject({
      status,
      code,
      type: `https://bank.example/problems/${code}`,
      instance: `/fail/${how}`,
    });
    expect(problem.media).toMatch(/^application\/problem\+json/);
    expect(problem.title).not.toBe('');
  });

  it('says what was not accepted', async () => {
    expect(await failed('invalid')).toMatchObject({ issues: [{ path: 'owner', message: 'is empty' }] });
    expect(await failed('poor')).toMatchObject({ detail: 'There is not enough' });
  });

  it('speaks to its caller, who knows neither streams nor methods', async () => {
    for (const how of ['missing', 'conflict', 'invalid', 'again', 'lost']) {
      const { detail } = await failed(how);
      expect(detail).toMatch(/^[A-Z].{20,}\.$/);
      expect(detail).not.toMatch(/stream|account-a1|`|commandId|Open|append/);
    }
  });

  it('is a failed precondition where the request had one', async () => {
    expect(await failed('conflict', { 'If-Match': '"1"' })).toMatchObject({
      status: 412,
      title: 'Precondition Failed',
    });
    // Another version than the request named: the conflict is of the server's own making.
    expect(await failed('conflict', { 'If-Match': '"9"' })).toMatchObject({ status: 409 });
    expect(await failed('missing', { 'If-Match': '"1"' })).toMatchObject({ status: 404 });
  });

  it('tells nothing of the inside of the server', async () => {
    for (const how of ['bug', 'thrown', 'odd', 'bucket'])
      expect(await failed(how)).toMatchObject({
        type: 'about:blank',
        title: 'Internal Server Error',
        status: 500,
      });
    for (const how of ['bug', 'thrown', 'odd', 'bucket', 'file', 'unknown'])
      expect((await failed(how)).detail).toBeUndefined();
  });

  it('keeps what Nest itself says', async () => {
    expect(await failed('nest')).toMatchObject({ status: 409, detail: 'as Nest says it' });
    expect(await failed('pipe')).toMatchObject({ status: 400, detail: 'name is empty; age is no number' });
    expect(await failed('large')).toMatchObject({ status: 413, detail: 'request entity too large' });
    expect(await failed('fastify')).toMatchObject({ status: 415, detail: 'Unsupported Media Type' });
    expect(await failed('file')).toMatchObject({ status: 404 });
    const inner = await failed('inner');
    expect([inner.status, inner.detail]).toEqual([500, undefined]);
    const response = await fetch(`${url}/nowhere`);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      404,
      expect.stringMatching(/problem\+json/),
    ]);
  });
});

describe('what fails on other transports', () => {
  it('is left to them: nothing is answered, and nothing of HTTP is asked for', () => {
    const filter = new AllFrameExceptionFilter({} as HttpAdapterHost);
    for (const type of ['rpc', 'graphql', 'command']) {
      const host = { getType: () => type } as unknown as ArgumentsHost;
      expect(filter.catch(new TooPoorError(), host)).toBeUndefined();
    }
  });
});

describe('what a request has caused', () => {
  const append = async (
    headers: Readonly<Record<string, string>>,
  ): Promise<[metadata: Record<string, unknown>, id: string | null]> => {
    const response = await fetch(`${url}/append`, { method: 'POST', headers });
    return [(await response.json()) as Record<string, unknown>, response.headers.get('x-correlation-id')];
  };

  it.each([
    [{ 'X-Correlation-Id': 'c-1', 'X-Request-Id': 'r-1' }, 'c-1'],
    [{ 'X-Request-Id': 'r-1' }, 'r-1'],
    [
      { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
      '0af7651916cd43dd8448eb211c80319c',
    ],
  ])('carries the correlation id of its headers %o', async (headers, id) => {
    expect(await append(headers)).toEqual([{ correlationId: id, user: 'ada' }, id]);
  });

  it('carries what the application says, and the response says the same', async () => {
    const response = await fetch(`${url}/named`, { method: 'POST' });
    expect(await response.json()).toMatchObject({ correlationId: 'own' });
    expect(response.headers.get('x-correlation-id')).toBe('own');
  });

  it('carries a new one where it has none that could be trusted', async () => {
    const zeros = { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` };
    for (const headers of [
      {},
      zeros,
      { 'X-Correlation-Id': 'x'.repeat(500) },
      { 'X-Correlation-Id': '<script>' },
    ]) {
      const [metadata, id] = await append(headers);
      expect(metadata['correlationId']).toBe(id);
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});
