/** The codecs by name, as they are chosen by an option. */
import { HyparquetCodec } from './hyparquet-codec.js';
import type { ParquetCodec, ParquetCodecName } from './parquet-codec.js';
import { ParquetjsLiteCodec } from './parquetjs-lite-codec.js';

/** They keep nothing: one of each serves every store. */
export const PARQUET_CODECS: Readonly<Record<ParquetCodecName, ParquetCodec>> = {
  hyparquet: new HyparquetCodec(),
  'parquetjs-lite': new ParquetjsLiteCodec(),
};
