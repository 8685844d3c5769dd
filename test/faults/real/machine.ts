/** What the machine has to allow for some of these tests. Where it does not they are skipped, but never in CI. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why calls of the kernel cannot be made to fail here, `undefined` where they can. */
export function reasonAgainstTracing(): string | undefined {
  const { error, status, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return 'strace is not installed (apt-get install -y strace)';
  return status === 0 ? undefined : `strace may not trace: ${stderr.trim()}`;
}

/** Why file systems cannot be mounted here, `undefined` where they can. */
export function reasonAgainstMounting(): string | undefined {
  if (process.platform !== 'linux') return 'it takes Linux';
  return process.getuid?.() === 0 ? undefined : 'mounting takes root';
}

/** Whether to skip, with the reason on the screen. */
export function isSkipped(what: string, reason: string | undefined): boolean {
  if (reason === undefined) return false;
  process.stdout.write(`${what}: skipped, ${reason}\n`);
  return true;
}

/** A small file system of its own, in memory. */
export class SmallDisk {
  private constructor(readonly path: string) {}

  static async mount(path: string, size: string): Promise<SmallDisk> {
    mkdirSync(path, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
    return new SmallDisk(path);
  }

  async makeReadOnly(): Promise<void> {
    await run('mount', ['-o', 'remount,ro', this.path]);
  }

  async unmount(): Promise<void> {
    await run('umount', ['-l', this.path]);
  }
}

/** Makes calls of a running process fail, by `strace`. */
export class FailingCalls {
  private constructor(
    private readonly tracer: ReturnType<typeof spawn>,
    private readonly log: string,
    private readonly ended: Promise<unknown>,
  ) {}

  /** @param fault as `strace -e inject` wants it, such as `fdatasync:error=EIO:when=1` */
  static async begin(pid: number, fault: string, log: string): Promise<FailingCalls> {
    const call = fault.slice(0, fault.indexOf(':'));
    const args = ['-f', '-y', '-p', `${pid}`, '-o', log, '-e', `trace=${call}`, '-e', `inject=${fault}`];
    const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(tracer, 'exit');
    let said = '';
    await new Promise<void>((resolve, reject) => {
      tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (/attached/.test(said)) resolve();
      });
      void ended.then(() => reject(new Error(`strace ended: ${said}`)));
    });
    return new FailingCalls(tracer, log, ended);
  }

  /** Lets go of the process, and gives the calls that were made: the file, and whether it was made to fail. */
  async end(): Promise<readonly { readonly path: string; readonly failed: boolean }[]> {
    this.tracer.kill('SIGINT');
    await this.ended;
    return [...readFileSync(this.log, 'utf8').matchAll(/\(\d+<([^>]*)>.*$/gm)].map(([line, path = '']) => {
      return { path, failed: line.includes('(INJECTED)') };
    });
  }
}
