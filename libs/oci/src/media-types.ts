// The media types of manifests, as in the OCI image specification, "Media Types", and Docker's image manifest specifications, V2
// schema 1 and 2.

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  /** Only in a release candidate of the specification. Registries still have some. */
  ociArtifact: 'application/vnd.oci.artifact.manifest.v1+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const;

/**
 * The `Accept` header of every manifest request. A registry may return the first type that it can produce, so indexes come before
 * images, and schema 1 comes last. The cache must get the pushed manifest, never a conversion.
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

/** Whether it lists other manifests. Takes a media type without parameters, as `mediaTypeOf` returns it. */
export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerManifestList;
}

/** Whether it is any manifest, indexes included. */
export function isManifestMediaType(mediaType: string): boolean {
  return manifestMediaTypes.has(mediaType);
}

/** Returns the media type of a `Content-Type`, in lower case and without parameters. Returns `undefined` if there is none. */
export function mediaTypeOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined) return undefined;
  const semicolon = contentType.indexOf(';');
  const mediaType = (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  return mediaTypePattern.test(mediaType) ? mediaType : undefined;
}
