export type { BlobReader, BlobStat, BlobStore, BlobWriter, StoredBlob } from './blob-store.ts';
export {
  type ImageName,
  linksObjectKey,
  linksObjectsOf,
  linksObjectsPrefix,
  listObjectKey,
  offlineDecisionKey,
  offlineDecisionsPrefix,
  parseLinksObjectKey,
  parseOfflineDecisionKey,
  parsePinKey,
  parseTagObjectKey,
  pinKey,
  pinsPrefix,
  quarantinedAtMs,
  quarantineKey,
  quarantinePrefix,
  registryLayerLinkKey,
  registryRevisionLinkKey,
  registryTagLinkKey,
  scrubStateKey,
  tagObjectKey,
  tagObjectsPrefix,
} from './key-layout.ts';
export { putBytes } from './put-bytes.ts';
export { readBytes } from './read-bytes.ts';
