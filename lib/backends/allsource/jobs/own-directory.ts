import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The directory of this file, where the worker's script lies beside it.
 *
 * `import.meta` says it too, but cannot be compiled to CommonJS, as the jest of a Nest 11 project does; and
 * `__dirname` is there only. The stack has it in both.
 */
export function ownDirectory(): string {
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  try {
    // The text of a stack may have been mapped back to the sources; the call sites have not.
    Error.prepareStackTrace = (_, sites) => sites[0]?.getFileName();
    const file = new Error('where am I').stack ?? '';
    return dirname(file.startsWith('file:') ? fileURLToPath(file) : file);
  } finally {
    if (before === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Object.defineProperty(Error, 'prepareStackTrace', before);
  }
}
