/**
 * Values to JSON text and back: whatever is accepted comes back equal, whatever would not is refused with its path.
 *
 * A value is looked through once. Where that finds only plain data, which is nearly always, the text is one
 * `JSON.stringify`; where it finds a `toJSON`, a boxed primitive or something wrong, the slow walk builds a plain
 * copy or says what is wrong and where.
 */
import { types } from 'node:util';
import { LimitExceededError, UnserialisableDataError } from '../core/errors/input.errors.js';
import { Limits } from '../core/limits.js';
import { isPlainObject } from '../core/plain-object.js';

/**
 * The JSON text of a value.
 * @param path how the caller calls the value, for errors
 * @throws UnserialisableDataError, and LimitExceededError for arrays and objects nested too deep
 */
export function encodeJson(value: unknown, path: string): string {
  const text = JSON.stringify(isPlain(value, 1) ? value : plainCopy(value, path, '', [])) as
    string | undefined;
  if (text === undefined) throw new UnserialisableDataError(path, 'undefined');
  return text;
}

/** Whether a value comes back from JSON as it is, but for members that are `undefined` and for prototypes. */
export function staysAsItIs(value: unknown): boolean {
  return isPlain(value, 1);
}

/** The value of a JSON text that `encodeJson` made. */
export function decodeJson(text: string): unknown {
  return JSON.parse(text);
}

/** Whether `JSON.stringify` keeps the value as it is, but for members that are `undefined`. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth > Limits.dataDepthMax || 'toJSON' in value) return false;
  if (Array.isArray(value)) {
    for (const item of value) if (item !== undefined && !isPlain(item, depth + 1)) return false;
    return true;
  }
  if (!hasJsonForm(value)) return false;
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined && !isPlain(member, depth + 1)) return false;
  }
  return true;
}

/** A copy that `JSON.stringify` keeps as it is; `undefined` where it would leave the value out. */
function plainCopy(value: unknown, path: string, key: string, ancestors: object[]): unknown {
  const json = unbox(jsonOf(value, path, key));
  switch (typeof json) {
    case 'undefined':
    case 'string':
    case 'boolean':
      return json;
    case 'number':
      if (Number.isFinite(json)) return json;
      break;
    case 'object':
      if (json === null) return null;
      if (hasJsonForm(json)) return copyMembers(json, path, ancestors);
      break;
    default:
      break;
  }
  throw new UnserialisableDataError(path, describe(json));
}

function copyMembers(value: object, path: string, ancestors: object[]): unknown {
  if (ancestors.includes(value)) throw new UnserialisableDataError(path, 'a cycle: it contains itself');
  if (ancestors.length >= Limits.dataDepthMax) {
    throw new LimitExceededError('dataDepthMax', ancestors.length + 1, Limits.dataDepthMax, path);
  }
  ancestors.push(value);
  let copy: unknown;
  if (Array.isArray(value)) {
    // `Array.from` and not `map`: a hole is `undefined`, which becomes null.
    copy = Array.from(value, (item: unknown, i) => plainCopy(item, `${path}[${i}]`, String(i), ancestors));
  } else {
    // Without a prototype, `__proto__` is a key like any other.
    const members = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[key];
      members[key] = plainCopy(member, memberPath(path, key), key, ancestors);
    }
    copy = members;
  }
  ancestors.pop();
  return copy;
}

/** What `toJSON` makes of a value that has it. */
function jsonOf(value: unknown, path: string, key: string): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON !== 'function') return value;
  if (types.isDate(value) && Number.isNaN(value.getTime()))
    throw new UnserialisableDataError(path, 'an invalid Date');
  return (toJSON as (this: unknown, key: string) => unknown).call(value, key);
}

/** What is in a boxed string, number or boolean; boxed symbols and BigInts are refused as what is in them. */
function unbox(value: unknown): unknown {
  return types.isBoxedPrimitive(value) ? (value as { valueOf(): unknown }).valueOf() : value;
}

/** Not the objects that `JSON.stringify` turns into `{}` or into something else than they are, whichever realm made them. */
function hasJsonForm(value: object): boolean {
  return (
    isPlainObject(value) ||
    Array.isArray(value) ||
    !(
      types.isMap(value) ||
      types.isSet(value) ||
      types.isWeakMap(value) ||
      types.isWeakSet(value) ||
      types.isPromise(value) ||
      types.isRegExp(value) ||
      types.isNativeError(value) ||
      types.isAnyArrayBuffer(value) ||
      types.isBoxedPrimitive(value) ||
      ArrayBuffer.isView(value)
    )
  );
}

function memberPath(path: string, key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? `${path}.${key}`
    : `${path}[${JSON.stringify(key)}]`;
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return String(value);
    case 'bigint':
      return 'a BigInt';
    case 'object':
      return value === null ? 'null' : `an instance of ${value.constructor.name}`;
    default:
      return `a ${typeof value}`;
  }
}
