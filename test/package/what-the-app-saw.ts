/** What `fixtures/app/main.ts` prints wherever the package works. */
export const whatTheAppSaw = {
  version: 1,
  types: ['note.taken', 'account.opened'],
  balance: 10,
  owners: ['Ada at 2'],
  greeted: 'Hello Ada, in Greet',
  turnedAway: 'Forbidden resource',
};

/** What `fixtures/app/durable.ts` prints there. */
export const whatTheDurableAppSaw = {
  sealed: [true],
  refused: true,
  texts: ['one', 'two', 'three'],
};
