/**
 * A way to a server that can be cut at every step: a step is a connection that is made, or a piece of data that passes,
 * whichever way it goes. So what is tested is what the driver really does, and not what a test thinks it does.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Whether what makes the step still arrives. */
export type Cut = 'before' | 'after';

/** What a server says last when it is told to end: its severity, its code, and why. */
const LAST_WORDS = lastWords(
  'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0',
);

function lastWords(fields: string): Buffer {
  const message = Buffer.alloc(5 + fields.length);
  message.write('E');
  message.writeInt32BE(4 + fields.length, 1);
  message.write(fields, 5);
  return message;
}

/** "Ready for the next query", which is also the end of connecting. */
const isReady = (data: Buffer): boolean => data.subarray(-6).toString('latin1') === 'Z\0\0\0\x05I';

export class Relay {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #left = Infinity;
  #cut: Cut = 'before';
  #hasCut = false;
  #endsReady = false;

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {
    server.on('connection', (near: Socket) => this.#connect(near));
  }

  /** @param port of the server that it leads to */
  static async start(port: number): Promise<Relay> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Relay(server, port);
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${(this.server.address() as AddressInfo).port}/postgres`;
  }

  /** Cuts one connection at the step with this number, counted from now; once. */
  cutAt(step: number, cut: Cut): void {
    this.#left = step;
    this.#cut = cut;
    this.#hasCut = false;
  }

  /** Nothing is cut from now on. */
  disarm(): void {
    this.#left = Infinity;
  }

  /** Whether the step has come that was to be cut. */
  get hasCut(): boolean {
    return this.#hasCut;
  }

  /** Ends the next connection that becomes ready, and says so in the same breath, as a server does that is stopped. */
  endNextAsItIsReady(): void {
    this.#endsReady = true;
  }

  /** Cuts all connections that there are. */
  cutAll(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  async close(): Promise<void> {
    this.server.close();
    this.cutAll();
    await once(this.server, 'close');
  }

  #connect(near: Socket): void {
    const far = connect(this.port, '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (data) => {
        if (this.#endsReady && isReady(data)) {
          this.#endsReady = false;
          near.write(Buffer.concat([data, LAST_WORDS]));
          this.#end(pair);
        } else this.#step(pair, () => to.write(data));
      });
      from.on('error', () => this.#end(pair));
      from.on('close', () => this.#end(pair));
    }
    this.#step(pair, () => undefined);
  }

  #step(pair: readonly [Socket, Socket], pass: () => void): void {
    const isCut = --this.#left === 0;
    if (!isCut || this.#cut === 'after') pass();
    if (!isCut) return;
    this.#hasCut = true;
    this.#left = Infinity;
    this.#end(pair);
  }

  /** What has been written still arrives, and nothing behind it. */
  #end(pair: readonly [Socket, Socket]): void {
    if (!this.#pairs.delete(pair)) return;
    for (const socket of pair) {
      socket.removeAllListeners('data').resume();
      socket.end();
      // The other end may be one that never ends by itself.
      socket.destroySoon();
    }
  }
}
