import type { EventLog, LogRow } from './event-log.js';

const CLERKS = 48;
const HOUR_MS = 60 * 60 * 1000;
const FIRST_APPLICATION = Date.UTC(2024, 0, 2, 8);

/** Where an application passes on most days. */
const USUAL_WAY = [
  'Receive application',
  'Check completeness',
  'Write confirmation',
  'Send confirmation',
  'Determine procedure',
  'Decide on application',
] as const;
const ADVISERS = ['fire brigade', 'heritage board', 'water board', 'architect', 'neighbours'] as const;

/** A made-up log of a permit office, the same for the same seed: for everybody without a log of their own. */
export class GeneratedLog implements EventLog {
  readonly name = 'generated log';

  /** @param cases how many applications it tells of */
  constructor(
    private readonly cases = 2_000,
    private readonly seed = 1,
  ) {}

  /** Cases. */
  get size(): number {
    return this.cases;
  }

  async *rows(): AsyncGenerator<LogRow, void, undefined> {
    const chance = seededChance(this.seed);
    let line = 0;
    let receivedAt = FIRST_APPLICATION;
    for (let number = 1; number <= this.cases; number++) {
      receivedAt += chance() * 6 * HOUR_MS;
      let completedAt = receivedAt;
      for (const activity of applicationOf(chance)) {
        // A few clerks do most of the work.
        const clerk = Math.floor(CLERKS * chance() ** 2) + 1;
        yield {
          caseId: `generated-${number}`,
          activity,
          resource: `Clerk ${clerk}`,
          completedAt: new Date(completedAt).toISOString(),
          line: ++line,
          end: number,
        };
        completedAt += chance() * 72 * HOUR_MS;
      }
    }
  }
}

/** What is done for one application. */
function applicationOf(chance: () => number): string[] {
  const happens = (share: number): boolean => chance() < share;
  const way: string[] = [...USUAL_WAY];
  if (happens(0.08)) return way.slice(0, 1);
  // The procedure is sometimes determined by another clerk while the first one still writes.
  if (happens(0.3)) {
    way.splice(way.indexOf('Determine procedure'), 1);
    way.splice(1 + Math.floor(chance() * 3), 0, 'Determine procedure');
  }
  const beforeDecision = (...activities: string[]): void => void way.splice(-1, 0, ...activities);
  while (happens(0.06))
    way.splice(2, 0, 'Ask for missing documents', 'Receive missing documents', 'Check completeness');
  for (const adviser of ADVISERS) {
    if (happens(0.03)) beforeDecision(`Ask advice of ${adviser}`, `Receive advice of ${adviser}`);
  }
  if (happens(0.02)) beforeDecision('Inspect site');
  if (happens(0.02)) beforeDecision('Hold hearing', 'Write report of hearing');
  if (happens(0.04)) way.push('Draft refusal', 'Check refusal', 'Sign refusal', 'Send refusal');
  if (happens(0.01)) way.push('Register objection', 'Answer objection');
  return way;
}

/** Numbers from 0 (inclusive) to 1, the same for the same seed: mulberry32, by Tommy Ettinger (public domain). */
function seededChance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
