export { AllSourceBackend } from './allsource-backend.js';
export {
  DiskFullError,
  StorageUnavailableError,
  StoreCorruptedError,
  StoreFailedError,
  StoreLockedError,
  UnsupportedFormatError,
} from './allsource.errors.js';
export type { AllSourceOptions } from './allsource-options.js';
export type { BackupReport } from './care/back-up.js';
export type { RepairReport } from './care/repair.js';
export type { VerificationReport } from './care/verify.js';
export type { OpeningReport } from './opening/open-store.js';
export type { ParquetCodecName } from './parquet/parquet-codec.js';
