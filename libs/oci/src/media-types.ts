// The media types of manifests, from the OCI image specification, "Media Types", and from Docker's image manifest specifications,
// V2 schema 1 and 2.

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  /** This type was only in a release candidate of the specification, but registries still have such manifests. */
  ociArtifact: 'application/vnd.oci.artifact.manifest.v1+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const;

/**
 * The `Accept` header of every manifest request. The cache must get the manifest as it was pushed, never a conversion. A registry
 * may return the first listed type that it can produce. Therefore indexes come before images, and schema 1 comes last.
 */
export const manifestAcceptHeader: string = [
  mediaTypes.ociIndex,
  mediaTypes.dockerManifestList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
  mediaTypes.dockerSchema1Signed,
  mediaTypes.dockerSchema1,
  '*/*',
].join(', ');

const manifestMediaTypes = new Set<string>(Object.values(mediaTypes));

const mediaTypePattern = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/;

/**
 * Returns whether a manifest of this type lists other manifests. Expects a media type without parameters, as `mediaTypeOf`
 * returns it.
 */
export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerManifestList;
}

/** Returns whether this is the media type of a manifest or index. */
export function isManifestMediaType(mediaType: string): boolean {
  return manifestMediaTypes.has(mediaType);
}

/**
 * Returns the media type in a `Content-Type`, in lower case and without parameters. Returns `undefined` if it is missing or
 * malformed.
 */
export function mediaTypeOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined) return undefined;
  const semicolon = contentType.indexOf(';');
  const mediaType = (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  return mediaTypePattern.test(mediaType) ? mediaType : undefined;
}
