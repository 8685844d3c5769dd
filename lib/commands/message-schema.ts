/** Validation by any library that speaks Standard Schema (standardschema.dev, version 1): zod, valibot, arktype. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { classOf } from './message-class.js';
import type { ValidationIssue } from './message.errors.js';

/** A schema of any library that speaks Standard Schema. @publicApi */
export type MessageSchema = StandardSchemaV1;

/**
 * The schema of a message: that of its handler's options, or the static `schema` of its class.
 * @throws InvalidArgumentError for something that is no schema
 */
export function schemaOf(
  message: { readonly name: string },
  given: MessageSchema | undefined,
  handler: string,
): MessageSchema | undefined {
  if (given !== undefined) return checkedSchema(given, `schema of ${handler}`);
  const ofClass: unknown = 'schema' in message ? message.schema : undefined;
  return ofClass === undefined ? undefined : checkedSchema(ofClass, `static schema of ${message.name}`);
}

function checkedSchema(schema: unknown, where: string): MessageSchema {
  const isHolder = (typeof schema === 'object' && schema !== null) || typeof schema === 'function';
  const standard = isHolder ? (schema as Partial<MessageSchema>)['~standard'] : undefined;
  if (standard?.version === 1 && typeof standard.validate === 'function') return schema as MessageSchema;
  throw new InvalidArgumentError(
    where,
    'it is not a Standard Schema (version 1); give one of zod, valibot, arktype or another library that speaks it',
  );
}

/**
 * The message as its schema gives it back, with its class, since a schema may fill in, convert or leave out members.
 * @param refuse makes the error for what the schema does not accept
 */
export async function validated(
  message: object,
  schema: MessageSchema,
  refuse: (issues: readonly ValidationIssue[]) => Error,
): Promise<object> {
  const result = await schema['~standard'].validate(message);
  if (result.issues !== undefined) throw refuse(result.issues.map(issueOf));
  const { value } = result;
  if (value === message) return message;
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgumentError(
      `schema of ${classOf(message).name}`,
      `it gives ${value === null ? 'null' : typeof value}; the schema of a message gives an object`,
    );
  }
  const copy = Object.create(Object.getPrototypeOf(message) as object | null) as object;
  for (const [key, member] of Object.entries(value)) {
    // Defined and not assigned: a member called `__proto__` is data, and a getter of the class is no obstacle.
    Object.defineProperty(copy, key, { value: member, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

function issueOf({ path = [], message }: StandardSchemaV1.Issue): ValidationIssue {
  let text = '';
  for (const segment of path) {
    const key = typeof segment === 'object' ? segment.key : segment;
    if (typeof key === 'number' || /^\d+$/.test(String(key))) text += `[${String(key)}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return { path: text, message };
}
