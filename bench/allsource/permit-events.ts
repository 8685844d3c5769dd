/** Events of about 250 bytes, as a permit office writes them; the same numbers give the same events. */
import type { PlainEventInput } from '@allframe/nestjs';

const WORDS =
  'application received checked returned granted refused appealed archived plan drawing fence house garage tree road letter clerk fee'.split(
    ' ',
  );
const NOTE_WORDS = 17;

export function permitEvents(from: number, count: number): PlainEventInput[] {
  return Array.from({ length: count }, (_, i) => permitEvent(from + i));
}

function permitEvent(index: number): PlainEventInput {
  // A linear congruential generator (Knuth's MMIX constants cut to 32 bits): texts that do not compress to nothing.
  let state = (index * 2_654_435_761) >>> 0;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const word = (): string => WORDS[random(WORDS.length)] ?? '';
  return {
    type: 'permit.activity-completed',
    data: {
      activity: `${word()} ${word()}`,
      resource: `Clerk ${random(48)}`,
      completedAt: new Date(1_577_836_800_000 + index * 1_000).toISOString(),
      note: Array.from({ length: NOTE_WORDS }, word).join(' '),
      fee: random(100_000),
    },
  };
}
