export {
  groupNearRanges,
  parseRangeHeader,
  formatContentRange,
  parseContentRange,
  multipartByteranges,
} from './byte-range.ts';
export type { ByteRange, MultipartByteranges } from './byte-range.ts';
export type { Descriptor, Platform, Child } from './manifest-child.ts';
export {
  createDigestHash,
  digestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
  parseReference,
  parseTag,
  parseRepositoryName,
} from './names.ts';
export type { Digest, DigestAlgorithm, Reference, Tag, RepositoryName } from './names.ts';
export type { OciErrorCode } from './syntax-error.ts';
export {
  formatLayoutIndex,
  isLayoutMarker,
  layoutBlobPath,
  layoutIndexPath,
  layoutMarker,
  parseLayoutIndex,
} from './image-layout.ts';
export type { LayoutEntry } from './image-layout.ts';
export { maxManifestBytes, maxManifestChildren, parseManifest, parseStoredManifest } from './manifest.ts';
export { hasTooManyValues } from './manifest-json.ts';
export type { Manifest } from './manifest.ts';
export { isIndexMediaType, manifestAcceptHeader, mediaTypeOf, mediaTypes } from './media-types.ts';
export { parsePlatformName, platformName } from './platform-name.ts';
export { leastSegmentBytes, segmentBytesOf, segmentCount } from './segments.ts';
export type { CrcTable } from './segments.ts';
export { hasDigest, hasSignedDigest } from './signed-manifest.ts';
export { OciSyntaxError } from './syntax-error.ts';
export { parseV2Path, splitFirstComponent } from './v2-path.ts';
export type { V2Path } from './v2-path.ts';
