export type { BlobBody, BlobReader, BlobStore, BlobUpload, StoredBlob } from './blob-store.ts';
export {
  acmeRecordKey,
  issuerKeysKey,
  heldObjectKey,
  heldObjectsPrefix,
  linksObjectKey,
  linksObjectsOf,
  linksObjectsPrefix,
  listObjectKey,
  listObjectsPrefix,
  offlineDecisionKey,
  offlineDecisionsPrefix,
  parseHeldObjectKey,
  parseLinksObjectKey,
  parseListObjectKey,
  parseOfflineDecisionKey,
  parsePinKey,
  parseRobotKey,
  parseTagObjectKey,
  parseTokenKeyKey,
  pinKey,
  pinsPrefix,
  prefixesOf,
  quarantinedAtMs,
  quarantineKey,
  quarantinePrefix,
  registryLayerLinkKey,
  registryRepositoriesPrefix,
  registryRevisionLinkKey,
  registryTagLinkKey,
  scrubStateKey,
  robotKey,
  robotsPrefix,
  tagObjectKey,
  tagObjectsPrefix,
  tokenKeyKey,
  tokenKeysPrefix,
} from './key-layout.ts';
export type { ImageName } from './key-layout.ts';
export { bodyOf, putBytes, readBytes } from './put-bytes.ts';
export { readDiskSpace } from './read-disk-space.ts';
export type { DiskSpace } from './read-disk-space.ts';
export { countStoreErrors } from './count-store-errors.ts';
export { sealObjects } from './seal-objects.ts';
export type { ObjectStore } from './seal-objects.ts';
