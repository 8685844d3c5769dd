/** The two file systems of a store, which are one where both the log and what is sealed are on disk, and its folders. */
import type { FileSystem } from './file-system.js';
import type { StoreDirectory } from './store-directory.js';

export interface StoreFiles {
  /** Of everything but the log. */
  readonly sealed: FileSystem;
  readonly log: FileSystem;
  readonly directory: StoreDirectory;
  /** The manifest lists the files of the log. Not so where these are in memory and what is sealed is on disk. */
  readonly logIsListed: boolean;
}
