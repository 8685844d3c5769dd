import type { AllFrameLogger } from '@allframe/nestjs';

/** A logger that keeps what it is told. */
export class Reports implements AllFrameLogger {
  readonly errors: { readonly message: string; readonly error: unknown }[] = [];
  readonly warnings: string[] = [];

  error(message: string, error?: unknown): void {
    this.errors.push({ message, error });
  }

  warn(message: string): void {
    this.warnings.push(message);
  }
}
