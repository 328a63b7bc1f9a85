export { groupNearRanges, parseRangeHeader } from './byte-range.ts';
export type { ByteRange } from './byte-range.ts';
export { formatContentRange, parseContentRange } from './content-range.ts';
export type { Descriptor, Platform } from './descriptor.ts';
export { createDigestHash, digestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from './digest.ts';
export type { Digest, DigestAlgorithm } from './digest.ts';
export type { OciErrorCode } from './error-codes.ts';
export {
  formatLayoutIndex,
  isLayoutMarker,
  layoutBlobPath,
  layoutIndexPath,
  layoutMarker,
  parseLayoutIndex,
} from './image-layout.ts';
export type { LayoutEntry } from './image-layout.ts';
export { maxManifestChildren, parseManifest, parseStoredManifest } from './manifest.ts';
export { hasTooManyValues } from './manifest-json.ts';
export type { Manifest } from './manifest.ts';
export type { Child } from './manifest-child.ts';
export { isIndexMediaType, manifestAcceptHeader, mediaTypeOf, mediaTypes } from './media-types.ts';
export { multipartByteranges } from './multipart-byteranges.ts';
export type { MultipartByteranges } from './multipart-byteranges.ts';
export { parsePlatformName, platformName } from './platform-name.ts';
export { parseReference, parseTag } from './reference.ts';
export type { Reference, Tag } from './reference.ts';
export { parseRepositoryName } from './repository-name.ts';
export type { RepositoryName } from './repository-name.ts';
export { OciSyntaxError } from './syntax-error.ts';
export { parseV2Path, splitFirstComponent } from './v2-path.ts';
export type { V2Path } from './v2-path.ts';
