/** What reading a sorted table throws when its bytes are not those that were written. */
export class DamagedTableError extends Error {
  /**
   * @param path the table's file
   * @param offset where in it the damage was noticed, in bytes
   * @param problem what is wrong there
   */
  constructor(
    readonly path: string,
    readonly offset: number,
    problem: string,
  ) {
    super(`The sorted table ${path} is damaged at byte ${offset}: ${problem}`);
    this.name = 'DamagedTableError';
  }
}
