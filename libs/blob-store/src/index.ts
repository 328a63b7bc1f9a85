export type { BlobReader, BlobStat, BlobStore, BlobWriter, StoredBlob } from './blob-store.ts';
export {
  linksObjectKey,
  registryLayerLinkKey,
  registryRevisionLinkKey,
  registryTagLinkKey,
  tagObjectKey,
} from './key-layout.ts';
export { putBytes } from './put-bytes.ts';
export { readBytes } from './read-bytes.ts';
