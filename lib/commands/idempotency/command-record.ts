/**
 * What is kept of a command that was sent with an id, so that it is handled once.
 *
 * Where the bus appends, a record is `done` at once: the answer is known before the commit. A handler that appends by itself
 * has it `begun` with its first append, and `done` after it has answered, or `lost` after it has failed.
 */
import { createHash } from 'node:crypto';
import { decodeJson, encodeJson } from '../../store/json-codec.js';
import { classOf } from '../message-class.js';
import type { CommandAppend } from '../message.errors.js';

/** The collection of the records, named so that it is nobody else's: what is old in it is removed. */
export const COMMAND_COLLECTION = 'allframe:commands';

export type CommandRecord = UnansweredCommand | DoneCommand;

interface RecordBase {
  /** When it was written, milliseconds since 1970. */
  readonly at: number;
  /** The fingerprint of the command's contents. */
  readonly contents: string;
}

export interface UnansweredCommand extends RecordBase {
  readonly state: 'begun' | 'lost';
  /** The first of them, as many as `Limits.commandAppendsKeptMax`. */
  readonly appends: readonly CommandAppend[];
  /** How many there were. */
  readonly appendCount: number;
}

export interface DoneCommand extends RecordBase {
  readonly state: 'done';
  readonly answer: RecordedAnswer;
}

/** A value, nothing at all, or the result of an append, whose position is not known before the commit. */
export type RecordedAnswer =
  { readonly value: unknown } | Readonly<Record<string, never>> | { readonly appended: AppendedPlace };

/** Where the events of a command stand in their stream. */
export interface AppendedPlace {
  readonly streamId: string;
  readonly fromVersion: number;
  readonly version: number;
}

/** A command as its records know it. */
export interface CommandIdentity {
  /** The name that ids of this class of commands are kept by. */
  readonly name: string;
  readonly commandId: string;
  /** The key of its record. */
  readonly key: string;
  /** The fingerprint of its contents. */
  readonly contents: string;
}

/** @throws UnserialisableDataError for contents without a JSON form */
export function identityOf(name: string, commandId: string, command: object): CommandIdentity {
  return { name, commandId, key: `${name}:${commandId}`, contents: fingerprintOf(command) };
}

/**
 * The same for the same contents, in whatever order their members are. A hash, so that contents which are stored nowhere
 * else are not stored by this either.
 */
function fingerprintOf(command: object): string {
  // Through the store's own codec: what is refused there is refused here, with the path of the bad value.
  const contents = decodeJson(encodeJson(command, classOf(command).name));
  return createHash('sha256')
    .update(JSON.stringify(ordered(contents)))
    .digest('base64url');
}

function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(ordered);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  // A list of pairs: an object would put names that are numbers first, whatever the order.
  return { members: members.map(([name, member]) => [name, ordered(member)]) };
}
