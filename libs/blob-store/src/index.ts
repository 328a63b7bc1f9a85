export type { BlobReader, BlobStat, BlobStore, BlobWriter, StoredBlob } from './blob-store.ts';
