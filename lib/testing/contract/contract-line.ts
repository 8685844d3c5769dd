/** What a kit is made of: lines, each a promise in words and its proof, under the subjects of the contract. */
import type { ContractFaults, ContractSubject } from './contract-subject.js';
import type { Trial } from './trial.js';

/** One promise. */
export interface ContractLine {
  /** The promise in words; it is the name of the test. */
  readonly name: string;
  readonly prove: (trial: Trial) => Promise<void>;
  readonly needs: readonly Need[];
}

/** The promises about one subject. */
export interface ContractTopic {
  readonly subject: string;
  readonly lines: readonly ContractLine[];
}

/** Why a subject cannot be asked to prove a line, `undefined` if it can. */
export type Need = (subject: ContractSubject) => string | undefined;

export function line(name: string, prove: (trial: Trial) => Promise<void>): ContractLine {
  return { name, prove, needs: [] };
}

/** A line for subjects that meet `need`. */
export function lineFor(
  need: Need | readonly Need[],
  name: string,
  prove: (trial: Trial) => Promise<void>,
): ContractLine {
  return { name, prove, needs: typeof need === 'function' ? [need] : need };
}

export const durable: Need = ({ capabilities }) =>
  capabilities.durable ? undefined : 'capabilities.durable is false, so a place opened again may be empty';

export const gapless: Need = ({ capabilities }) =>
  capabilities.positionsHaveGaps === true ? 'capabilities.positionsHaveGaps' : undefined;

export const losesTail: Need = ({ capabilities }) =>
  capabilities.losesTail === true
    ? undefined
    : 'no capabilities.losesTail, so acknowledged events are never lost';

export const keepsTail: Need = ({ capabilities }) =>
  capabilities.losesTail === true ? 'capabilities.losesTail' : undefined;

export const transactional: Need = ({ capabilities, inTransaction }) => {
  if (!capabilities.transactional) return 'capabilities.transactional is false';
  return inTransaction === undefined ? 'the subject has no inTransaction' : undefined;
};

/** The subject must know how to bring a fault about. */
export function fault(name: keyof ContractFaults): Need {
  return ({ faults }) => (faults?.[name] === undefined ? `the subject has no faults.${name}` : undefined);
}

/** The subject must have an optional method. */
export function method(name: 'openTenant' | 'driverSettings'): Need {
  return (subject) => (subject[name] === undefined ? `the subject has no ${name}` : undefined);
}
