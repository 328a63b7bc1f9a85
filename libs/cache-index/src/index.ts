export type { Announcements } from './announcements.ts';
export type { BlobIndex, BlobRecord, BlobTotals } from './blobs.ts';
export type { CacheIndex } from './cache-index.ts';
export type { FillClaim, FillClass, FillIndex, FillRecord } from './fills.ts';
export type { Link, LinkIndex, RepositoryKey } from './links.ts';
export type { ManifestIndex, ManifestRecord } from './manifests.ts';
export type { Page, TagIndex, TagKey, TagRecord } from './tags.ts';
