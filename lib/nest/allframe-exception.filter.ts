import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpStatus,
  Inject,
  Injectable,
  Logger,
  Optional,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type Problem, problemOf } from './problem.js';

/**
 * How problem documents are written.
 * @publicApi
 */
export interface ProblemOptions {
  /** What a problem's `type` begins with; its code follows. Without it the type is `about:blank`. */
  readonly typeBase?: string;
}

/** The token of the filter's options. @publicApi */
export const PROBLEM_OPTIONS = Symbol('allframe:problem-options');

/**
 * Answers failed HTTP requests with problem documents (RFC 9457): the status by the error's kind, the message where it is
 * meant for callers, and nothing of the inside of the server. Errors of status 500 and above are logged. What fails on
 * other transports is left to them.
 *
 * | kind | status |
 * | --- | --- |
 * | `validation` | 400 |
 * | `unauthorised` | 403 |
 * | `notFound` | 404 |
 * | `conflict` | 409; 412 where the wrong version is that of the request's `If-Match` |
 * | `rejected` | 422 |
 * | `unexpected` | 500 |
 * | `unavailable` | 503 |
 * | `timeout` | 504 |
 * @example
 * ```ts
 * import { APP_FILTER } from '@nestjs/core';
 * import { AllFrameExceptionFilter } from '@allframe/nestjs';
 *
 * export const problems = { provide: APP_FILTER, useClass: AllFrameExceptionFilter };
 * ```
 * @publicApi
 */
@Injectable()
@Catch()
export class AllFrameExceptionFilter implements ExceptionFilter {
  readonly #logger = new Logger('AllFrame');

  constructor(
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Optional() @Inject(PROBLEM_OPTIONS) private readonly options: ProblemOptions = {},
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    // Without an answer of ours the transport's own default handles it.
    if (host.getType() !== 'http') return;
    const { httpAdapter } = this.adapterHost;
    const http = host.switchToHttp();
    const request = http.getRequest<{ readonly headers: Readonly<Record<string, unknown>> }>();
    const response = http.getResponse<object>();
    const general = problemOf(error, request.headers['if-match']);
    if (general.status >= (HttpStatus.INTERNAL_SERVER_ERROR as number))
      this.#logger.error(
        error instanceof Error ? error.message : String(error),
        error instanceof Error ? error.stack : undefined,
      );
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response);
      return;
    }
    const { typeBase } = this.options;
    const problem: Problem = {
      type:
        typeBase === undefined || general.code === undefined ? 'about:blank' : `${typeBase}${general.code}`,
      ...general,
      // Without the query, which may hold what is nobody's business.
      instance: (httpAdapter.getRequestUrl(request) as string).replace(/\?.*$/s, ''),
    };
    httpAdapter.setHeader(response, 'Content-Type', 'application/problem+json');
    httpAdapter.reply(response, problem, problem.status);
  }
}
