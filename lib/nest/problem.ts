import { HttpException, HttpStatus } from '@nestjs/common';
import { AggregateNotFoundError } from '../aggregates/aggregate-not-found.error.js';
import {
  CommandResultLostError,
  CommandValidationError,
  DomainError,
  IdempotencyConflictError,
  QueryValidationError,
  type ValidationIssue,
} from '../commands/message.errors.js';
import { AllFrameError, type ErrorKind } from '../core/errors/allframe.error.js';
import { WrongExpectedVersionError } from '../core/errors/append.errors.js';

/**
 * A problem document (RFC 9457).
 * @publicApi
 */
export interface Problem {
  /** What kind of problem it is, as a URI; `about:blank` where the status says everything. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What happened this time, in words for the caller. Left out where they would tell about the inside of the server. */
  readonly detail?: string;
  /** The path of the request. */
  readonly instance?: string;
  /** The code of the error, for programs. */
  readonly code?: string;
  /** What a schema did not accept. */
  readonly issues?: readonly ValidationIssue[];
}

/** A problem without the request that it happened at. */
type GeneralProblem = Omit<Problem, 'type' | 'instance'>;

const STATUS: Readonly<Record<ErrorKind, HttpStatus>> = {
  validation: HttpStatus.BAD_REQUEST,
  notFound: HttpStatus.NOT_FOUND,
  conflict: HttpStatus.CONFLICT,
  rejected: HttpStatus.UNPROCESSABLE_ENTITY,
  unauthorised: HttpStatus.FORBIDDEN,
  timeout: HttpStatus.GATEWAY_TIMEOUT,
  unavailable: HttpStatus.SERVICE_UNAVAILABLE,
  unexpected: HttpStatus.INTERNAL_SERVER_ERROR,
};

/** Kinds of which the message is for the operator: it may name hosts and files. */
const INTERNAL: ReadonlySet<ErrorKind> = new Set(['timeout', 'unavailable', 'unexpected']);

/**
 * What a caller is told of an error.
 * @param ifMatch the `If-Match` of the request: that its version is a wrong one is a failed precondition
 */
export function problemOf(error: unknown, ifMatch: unknown): GeneralProblem {
  if (error instanceof HttpException) return httpProblem(error.getStatus(), wordsOf(error));
  if (!(error instanceof AllFrameError)) {
    return isHttpError(error)
      ? httpProblem(error.statusCode, error.expose === false ? undefined : error.message)
      : httpProblem(500);
  }
  const isPrecondition =
    error instanceof WrongExpectedVersionError &&
    typeof ifMatch === 'string' &&
    ifMatch.includes(`"${error.expected}"`);
  const status = isPrecondition ? HttpStatus.PRECONDITION_FAILED : STATUS[error.kind];
  const { code } = error;
  const problem = { title: titleOf(status), status, code };
  if (INTERNAL.has(error.kind)) return problem;
  return { ...problem, detail: detailOf(error), ...(isInvalid(error) ? { issues: error.issues } : {}) };
}

/** Errors of the library speak to whoever writes the server; its callers know neither streams nor classes. */
function detailOf(error: AllFrameError): string {
  if (error instanceof DomainError) return error.message;
  if (error instanceof AggregateNotFoundError) return `There is no ${error.aggregate} "${error.id}".`;
  if (isInvalid(error)) return 'The request is not valid; "issues" says where.';
  if (error instanceof IdempotencyConflictError)
    return 'The idempotency key was used before for another request. Repeat that one as it was, or take a new key.';
  if (error instanceof CommandResultLostError)
    return 'The request was sent before and has had an effect, but its answer is not known. It is not done again.';
  if (error.kind === 'conflict')
    return 'It was changed meanwhile. Read it again, and repeat the request if it still holds.';
  return error.message;
}

function isInvalid(error: AllFrameError): error is CommandValidationError | QueryValidationError {
  return error instanceof CommandValidationError || error instanceof QueryValidationError;
}

/** Of Nest, or of the platform itself. What happened inside of the server is not for its callers. */
function httpProblem(status: number, detail?: string): GeneralProblem {
  const isTold = detail !== undefined && status < (HttpStatus.INTERNAL_SERVER_ERROR as number);
  return { title: titleOf(status), status, ...(isTold ? { detail } : {}) };
}

/** An exception's message, or the list of them that a ValidationPipe gives. */
function wordsOf(error: HttpException): string {
  const response = error.getResponse();
  const message =
    typeof response === 'string' ? response : (response as { readonly message?: unknown }).message;
  return Array.isArray(message) ? message.join('; ') : error.message;
}

/**
 * As platforms make them, of a body that is too large for one: by the package http-errors, or Fastify's own. A `statusCode`
 * alone says nothing, since clients of other services put the answers that they got into errors of the same kind.
 */
function isHttpError(error: unknown): error is HttpError {
  if (!(error instanceof Error)) return false;
  const { status, statusCode, expose } = error as Partial<HttpError>;
  const isFailure = Number.isInteger(statusCode) && Number(statusCode) >= 400 && Number(statusCode) < 600;
  const isMarked = typeof expose === 'boolean' && status === statusCode;
  return isFailure && (isMarked || error.constructor.name === 'FastifyError');
}

interface HttpError extends Error {
  readonly statusCode: number;
  readonly status?: number;
  /** Whether its message is for the client. */
  readonly expose?: boolean;
}

/** The status in words: `Not Found`. */
function titleOf(status: number): string {
  const name = HttpStatus[status];
  if (name === undefined) return `Status ${status}`;
  return name
    .toLowerCase()
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(' ');
}
