import { randomUUID } from 'node:crypto';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Optional,
} from '@nestjs/common';
import { Observable } from 'rxjs';
import type { EventMetadata } from '../core/recorded-event.js';
import { givenMetadata, withEventMetadata } from '../store/event-context.js';

/** What is asked of a request, whatever the platform. */
interface HttpRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

interface HttpResponse {
  setHeader?(name: string, value: string): unknown;
  header?(name: string, value: string): unknown;
}

/**
 * How metadata is taken from requests.
 * @publicApi
 */
export interface MetadataInterceptorOptions {
  /** Headers that may hold the correlation id, the first that is there wins; default `x-correlation-id`, then `x-request-id`. */
  readonly correlationHeaders?: readonly string[];
  /** Further metadata of a request: a user, a tenant. Never the whole request, since events are kept for ever. */
  readonly metadata?: (request: unknown) => EventMetadata;
}

/** The token of the interceptor's options, where Nest makes it. @publicApi */
export const METADATA_OPTIONS = Symbol('allframe:metadata-options');

const DEFAULT_HEADERS = ['x-correlation-id', 'x-request-id'] as const;

/** What a correlation id from outside may be: anything else is not trusted, and one is made instead. */
const CORRELATION_ID = /^[\w.:/+=@-]{1,128}$/;

/** The trace id of a `traceparent` header (W3C Trace Context); one of zeros only is none. */
const TRACE_PARENT = /^[\da-f]{2}-(?!0{32})([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/;

/**
 * Gives everything that a HTTP request causes a correlation id: that of the request's header, the trace id of its
 * `traceparent`, or a new one. The response carries it as `x-correlation-id`. Other transports pass through.
 * @example
 * ```ts
 * import { APP_INTERCEPTOR } from '@nestjs/core';
 * import { MetadataInterceptor } from '@allframe/nestjs';
 *
 * export const correlation = { provide: APP_INTERCEPTOR, useValue: new MetadataInterceptor() };
 * ```
 * @publicApi
 */
@Injectable()
export class MetadataInterceptor implements NestInterceptor {
  readonly #headers: readonly string[];
  readonly #metadata: ((request: unknown) => EventMetadata) | undefined;

  constructor(@Optional() @Inject(METADATA_OPTIONS) options: MetadataInterceptorOptions = {}) {
    const { correlationHeaders = DEFAULT_HEADERS, metadata } = options;
    this.#headers = correlationHeaders.map((name) => name.toLowerCase());
    this.#metadata = metadata;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const metadata = {
      correlationId: this.#correlationIdOf(request),
      ...givenMetadata(this.#metadata?.(request)),
    };
    const response = context.switchToHttp().getResponse<HttpResponse>();
    // Express has both, Fastify only the second.
    if (typeof response.setHeader === 'function')
      response.setHeader('x-correlation-id', metadata.correlationId);
    else response.header?.('x-correlation-id', metadata.correlationId);
    // The handler runs when it is subscribed to, and has to find the metadata then.
    return new Observable((observer) => withEventMetadata(metadata, () => next.handle().subscribe(observer)));
  }

  #correlationIdOf({ headers }: HttpRequest): string {
    for (const name of this.#headers) {
      const value = headers[name];
      if (typeof value === 'string' && CORRELATION_ID.test(value)) return value;
    }
    const { traceparent } = headers;
    return TRACE_PARENT.exec(typeof traceparent === 'string' ? traceparent : '')?.[1] ?? randomUUID();
  }
}
