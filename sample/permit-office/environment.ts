/** A variable of the environment cannot be used. */
export class EnvironmentError extends Error {
  readonly code = 'EnvironmentError';

  constructor(
    readonly variable: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${variable}: ${problem}`, options);
    this.name = 'EnvironmentError';
  }
}

/** What the office takes from its environment. */
export interface Environment {
  /** 0 for any free one. */
  readonly port: number;
  readonly storeUrl: string;
}

/** Where events are kept unless told: in a directory of the working directory, so that a second start finds them. */
export const DEFAULT_STORE_URL = 'allsource:./data';

const PORT_MAX = 65_535;

/** @throws EnvironmentError if a variable is set to something that cannot be meant */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const portText = variables['PORT'] || '3000';
  const port = Number(portText);
  if (!/^\d+$/.test(portText) || port > PORT_MAX) {
    throw new EnvironmentError(
      'PORT',
      `"${portText}" is not a whole number from 0 (any free port) to ${PORT_MAX}`,
    );
  }
  return { port, storeUrl: variables['EVENT_STORE_URL'] || DEFAULT_STORE_URL };
}
