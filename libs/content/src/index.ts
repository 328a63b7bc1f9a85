export { cleanQuarantine } from './blob/clean-quarantine.ts';
export { deleteBlob, deletionLeaseMs } from './blob/delete-blob.ts';
export type { DeleteBlobDeps } from './blob/delete-blob.ts';
export { forgetMissing } from './blob/forget-missing.ts';
export { hashStored } from './blob/hash-stored.ts';
export { openStored } from './blob/open-stored.ts';
export type { OpenStoredDeps, StoredRange } from './blob/open-stored.ts';
export { proveStored } from './blob/prove-stored.ts';
export { createReadChecks } from './blob/read-checks.ts';
export { readHashed } from './blob/read-hashed.ts';
export { setAside } from './blob/set-aside.ts';
export { adoptBlob, adoptedRecord, assertNotEmptied, findStoredBlob, isEmptied } from './blob/stored-blob.ts';
export { untilDeleted } from './blob/until-deleted.ts';
export type { IndexAndStore } from './index-and-store.ts';
export { confirmLink, findLink, ifConfirmed, isHeldManifest } from './links/repository-links.ts';
export type { RepositoryLinksDeps } from './links/repository-links.ts';
export { putLinks } from './links/put-links.ts';
export { createStoredLinks } from './links/stored-links.ts';
export { partsOf } from './manifest/image-parts.ts';
export type { CachedManifest, ManifestCache } from './manifest/manifest-cache.ts';
export { maxManifestBytes } from './manifest/max-manifest-bytes.ts';
export { peekManifest } from './manifest/peek-manifest.ts';
export { createRefreshParts } from './manifest/refresh-parts.ts';
export type { RefreshParts } from './manifest/refresh-parts.ts';
export { backlogKeyOf, linksOf, recordManifest, storeManifest } from './manifest/store-manifest.ts';
export { readStoredManifest, statStoredManifest } from './manifest/stored-manifest.ts';
export type { StoredManifestDeps } from './manifest/stored-manifest.ts';
export { verifyManifest } from './manifest/verify-manifest.ts';
export { createContentCache } from './objects/content-cache.ts';
export type { ContentCache } from './objects/content-cache.ts';
export { ifStoreAnswers } from './objects/if-store-answers.ts';
export { listPins, pinImage, unpinImage } from './objects/pins.ts';
export { markTagPurged, markUpstreamPurged, readPurgeMarks } from './objects/purge-marks.ts';
export { createReadMarks } from './objects/read-marks.ts';
export type { ReadMarks } from './objects/read-marks.ts';
export { removeLink, removeStoredTag, removeTag } from './objects/remove-names.ts';
export {
  listLinksObjects,
  readLinksObject,
  readTagObject,
  writeHeldObject,
  writeLinksObject,
  writeTagObject,
} from './objects/small-objects.ts';
export { createStoreBacklog } from './objects/store-backlog.ts';
export type { StoreBacklog } from './objects/store-backlog.ts';
