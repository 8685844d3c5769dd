/**
 * What a connection string says. Those of `libpq` may name several hosts, of which one is the primary; the driver knows
 * one host, so a string with several becomes several strings (https://www.postgresql.org/docs/current/libpq-connect.html).
 */
import { InvalidArgumentError } from '../../../core/errors/input.errors.js';

export interface ConnectionTarget {
  /** A string for each host, at least one. */
  readonly hosts: readonly string[];
  /** Only a server that takes writes will do. */
  readonly readWrite: boolean;
  /** The store's schema, where the string says it: `?schema=orders`. */
  readonly schema: string | undefined;
}

const ARGUMENT = 'options.connectionString';
const WANTED = 'write postgres://user:password@host:5432/database';
/** Scheme and user; hosts; the rest. */
const PARTS = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^/?#]*)(.*)$/s;
/** Stands where a host is missing. */
const NO_HOST = '___none___';
const WITHOUT_HOST = new RegExp(`^([a-z]+://(?:[^@/]*@)?)${NO_HOST}`);
const ATTRIBUTES: ReadonlyMap<string, boolean> = new Map([
  ['any', false],
  ['read-write', true],
  ['primary', true],
]);

/** @throws InvalidArgumentError, whose message holds nothing of the string: there may be a password in it */
export function targetOf(connectionString: unknown): ConnectionTarget {
  const parts = typeof connectionString === 'string' ? PARTS.exec(connectionString) : null;
  if (parts === null)
    throw new InvalidArgumentError(ARGUMENT, `it does not begin with postgres://; ${WANTED}`);
  const [, begin, hosts, rest] = parts as unknown as readonly [string, string, string, string];
  const urls = hosts.split(',').map((host) => {
    // A user without a host, for a Unix socket (`postgres://me@/shop?host=/run/postgresql`), is no URL.
    const text = `${begin}${host === '' ? NO_HOST : host}${rest}`;
    if (!URL.canParse(text)) throw new InvalidArgumentError(ARGUMENT, `it cannot be understood; ${WANTED}`);
    return new URL(text);
  });
  const wanted =
    urls[0]?.searchParams.get('target_session_attrs') ?? (urls.length > 1 ? 'read-write' : 'any');
  const readWrite = ATTRIBUTES.get(wanted);
  if (readWrite === undefined) {
    const known = [...ATTRIBUTES.keys()].join(', ');
    throw new InvalidArgumentError(ARGUMENT, `target_session_attrs is none of ${known}`);
  }
  const schema = urls[0]?.searchParams.get('schema') ?? undefined;
  for (const { searchParams } of urls) {
    searchParams.delete('target_session_attrs');
    searchParams.delete('schema');
  }
  return { hosts: urls.map(({ href }) => href.replace(WITHOUT_HOST, '$1')), readWrite, schema };
}
