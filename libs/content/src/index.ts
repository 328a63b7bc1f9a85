export { cleanQuarantine, setAside } from './blob/set-aside.ts';
export {
  deleteBlob,
  deleteBlobs,
  deletionLeaseMs,
  finishDeletions,
  forgetMissing,
  untilDeleted,
} from './blob/delete-blobs.ts';
export { hashStored, readHashed, proveStored } from './blob/hash-stored.ts';
export { openStored } from './blob/open-stored.ts';
export type { OpenStoredDeps } from './blob/open-stored.ts';
export { createReadChecks } from './blob/read-checks.ts';
export {
  adoptBlob,
  adoptedRecord,
  assertNotEmptied,
  findStoredBlob,
  isEmptied,
  verifiedRecord,
} from './blob/stored-blob.ts';
export type { IndexAndStore } from './blob/stored-blob.ts';
export { forgetManifest } from './links/forget-manifest.ts';
export { confirmLink, findLink, ifConfirmed, isHeldManifest, putLinks, recordHeld } from './links/repository-links.ts';
export type { RepositoryLinksDeps } from './links/repository-links.ts';
export { createStoredLinks } from './links/stored-links.ts';
export { markUnread } from './links/unread-links.ts';
export { partsOf, peekManifest, createRefreshParts } from './manifest/image-parts.ts';
export type { CachedManifest } from './objects/content-cache.ts';
export { readStoredManifest, statStoredManifest } from './manifest/stored-manifest.ts';
export type { RefreshParts } from './manifest/image-parts.ts';
export { linksOf, recordManifest, storeManifest, verifyManifest } from './manifest/store-manifest.ts';
export type { StoredManifestDeps } from './manifest/stored-manifest.ts';
export { createContentCache } from './objects/content-cache.ts';
export { assertStoreAvailable, ifObjectAvailable, ifStoreAvailable } from './objects/if-store-available.ts';
export { forgetTag } from './objects/forget-tag.ts';
export { listPins, pinImage, unpinImage } from './objects/pins.ts';
export {
  markTagPurged,
  markUpstreamPurged,
  readPurgeMarks,
  removeLink,
  removeStoredTag,
  removeTag,
} from './objects/remove-names.ts';
export {
  findTag,
  hasHeldObject,
  listLinksObjects,
  readDatedLinks,
  readJsonObject,
  readLinksObject,
  readTagObject,
  unconfirmedTag,
  writeHeldObject,
  writeJsonObject,
  writeLinksObject,
  writeTagObject,
} from './objects/small-objects.ts';
export type { DatedLinks } from './objects/small-objects.ts';
