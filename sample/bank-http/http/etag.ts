/** Versions of accounts as entity tags: what a caller has seen, and what it wants to change (RFC 9110, 8.8.3 and 13.1.1). */
import { BadRequestException } from '@nestjs/common';
import type { ExpectedVersion } from '@allframe/nestjs';

export function etagOf(version: number): string {
  return `"${version}"`;
}

/**
 * What an `If-Match` header expects: a version, or with `*` any that exists. Without the header: nothing.
 * @throws BadRequestException for anything else; version 0 too, which is no account and so has no ETag
 */
export function expectedVersionOf(ifMatch: string | undefined): {
  readonly expectedVersion?: ExpectedVersion;
} {
  if (ifMatch === undefined) return {};
  if (ifMatch === '*') return { expectedVersion: 'streamExists' };
  const version = /^"([1-9]\d{0,14})"$/.exec(ifMatch)?.[1];
  if (version === undefined)
    throw new BadRequestException('If-Match is an ETag of this account, such as "3", or *');
  return { expectedVersion: Number(version) };
}
