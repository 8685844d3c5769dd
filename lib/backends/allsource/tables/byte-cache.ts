/**
 * A cache with a budget in bytes that forgets what was longest unused. Several owners share one, so that the budget
 * is that of the process and not of each file.
 */

/** An entry stands in the table of its owner and in the list of use, most recent first. */
interface Slot<V> {
  readonly owner: object;
  readonly id: number;
  readonly value: V;
  readonly bytes: number;
  newer: Slot<V> | undefined;
  older: Slot<V> | undefined;
}

/** Every call takes the same time however much is kept, except for the entries that it drops. */
export class ByteCache<V> {
  readonly #owners = new Map<object, Map<number, Slot<V>>>();
  // Not the order of a Map: to find its first entry, it would step over all the deleted ones before it.
  #newest: Slot<V> | undefined;
  #oldest: Slot<V> | undefined;
  #bytes = 0;

  /** @param bytesMax how many bytes to keep at most; 0 keeps nothing */
  constructor(readonly bytesMax: number) {}

  /** How many bytes are kept, as told by those who put them in. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What `owner` keeps under `id`, which by this is the most recently used. */
  get(owner: object, id: number): V | undefined {
    const slot = this.#owners.get(owner)?.get(id);
    if (slot === undefined) return undefined;
    if (slot !== this.#newest) {
      this.#unlink(slot);
      this.#link(slot);
    }
    return slot.value;
  }

  /** Keeps a value of that many bytes, unless it is larger than the whole budget; the same id is replaced. */
  put(owner: object, id: number, value: V, bytes: number): void {
    const ids = this.#owners.get(owner) ?? new Map<number, Slot<V>>();
    const known = ids.get(id);
    if (known !== undefined) this.#drop(known, ids);
    if (bytes > this.bytesMax) return;
    const slot: Slot<V> = { owner, id, value, bytes, newer: undefined, older: undefined };
    ids.set(id, slot);
    this.#owners.set(owner, ids);
    this.#link(slot);
    this.#bytes += bytes;
    while (this.#bytes > this.bytesMax && this.#oldest !== undefined) {
      this.#drop(this.#oldest, this.#owners.get(this.#oldest.owner));
    }
  }

  /** Forgets all that `owner` keeps. */
  deleteOwner(owner: object): void {
    const ids = this.#owners.get(owner);
    for (const slot of ids?.values() ?? []) this.#drop(slot, ids);
  }

  #drop(slot: Slot<V>, ids: Map<number, Slot<V>> | undefined): void {
    this.#unlink(slot);
    this.#bytes -= slot.bytes;
    ids?.delete(slot.id);
    if (ids?.size === 0) this.#owners.delete(slot.owner);
  }

  #link(slot: Slot<V>): void {
    slot.newer = undefined;
    slot.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = slot;
    else this.#newest.newer = slot;
    this.#newest = slot;
  }

  #unlink(slot: Slot<V>): void {
    if (slot.newer === undefined) this.#newest = slot.older;
    else slot.newer.older = slot.older;
    if (slot.older === undefined) this.#oldest = slot.newer;
    else slot.older.newer = slot.newer;
  }
}
