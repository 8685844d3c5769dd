/** Bytes that are appended to, written out and used again: one buffer collects while the other is being written. */
export class GrowingBuffer {
  bytes: Buffer;
  view: DataView;
  length = 0;

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
    this.view = viewOf(this.bytes);
  }

  /** Makes room for `more` bytes behind `length`. */
  ensure(more: number): void {
    const wanted = this.length + more;
    if (wanted <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
    this.view = viewOf(grown);
  }

  /** Forgets what is in it, and gives memory back that one large commit has taken. */
  clear(capacityMax: number): void {
    this.length = 0;
    if (this.bytes.length <= capacityMax) return;
    this.bytes = Buffer.allocUnsafeSlow(capacityMax);
    this.view = viewOf(this.bytes);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
