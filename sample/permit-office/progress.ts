import { SingleBar } from 'cli-progress';

/** Shows how far a long piece of work is. */
export interface Progress {
  moveTo(done: number): void;
  stop(): void;
}

/** A bar on a terminal; nothing where the output goes to a file or another program. */
export function progressOn(terminal: NodeJS.WriteStream, total: number): Progress {
  if (!terminal.isTTY) return { moveTo: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    stream: terminal,
    format: 'importing {bar} {percentage}% | {duration_formatted}',
    clearOnComplete: true,
    hideCursor: true,
    // The office ends by itself on a signal.
    gracefulExit: false,
  });
  bar.start(total, 0);
  return { moveTo: (done) => bar.update(done), stop: () => bar.stop() };
}
