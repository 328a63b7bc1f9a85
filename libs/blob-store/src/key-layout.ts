// Every key of the store, built in this one place: blobs and links where distribution (registry:2) puts them, so that
// its caches are ours, and the small objects of our own.
import { type Digest, digestAlgorithm, digestHex, type RepositoryName, type Tag } from '@cistern/oci';
import { isPathComponent } from './object-key.ts';

const registryRoot = 'docker/registry/v2';

/** Under it lies every blob, as `<algorithm>/<first two hex>/<hex>/data`. */
export const blobsPrefix = `${registryRoot}/blobs/`;

/** Where a blob or manifest lies (distribution, `registry/storage/paths.go`, blobDataPathSpec). */
export function blobKey(digest: Digest): string {
  const hex = digestHex(digest);
  return `${blobsPrefix}${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/data`;
}

/** The tag object. `_tags` cannot be part of a name, so a repository `a/b.json` and a tag `b` of `a` never collide. */
export function tagObjectKey(key: {
  readonly upstream: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
}): string {
  return `cistern/tags/${upstreamComponent(key.upstream)}/${key.repository}/_tags/${key.tag}.json`;
}

/** The object that says what one manifest of a repository names. */
export function linksObjectKey(upstream: string, repository: RepositoryName, digest: Digest): string {
  return `cistern/links/${upstreamComponent(upstream)}/${repository}/${digest}.json`;
}

/** registry:2's tag: the object holds the manifest's digest as text. */
export function registryTagLinkKey(repository: RepositoryName, tag: Tag): string {
  return `${registryRoot}/repositories/${repository}/_manifests/tags/${tag}/current/link`;
}

/** registry:2's note that a repository holds a manifest. */
export function registryRevisionLinkKey(repository: RepositoryName, digest: Digest): string {
  return `${registryRoot}/repositories/${repository}/_manifests/revisions/${linkPath(digest)}`;
}

/** registry:2's note that a repository holds a layer or config. */
export function registryLayerLinkKey(repository: RepositoryName, digest: Digest): string {
  return `${registryRoot}/repositories/${repository}/_layers/${linkPath(digest)}`;
}

function linkPath(digest: Digest): string {
  return `${digestAlgorithm(digest)}/${digestHex(digest)}/link`;
}

/** Upstream names come from the configuration and may hold `:` and dots, but never more than one path component. */
function upstreamComponent(upstream: string): string {
  if (isPathComponent(upstream)) return upstream;
  throw new TypeError(`${JSON.stringify(upstream)} is not a valid upstream name: it must be a single path component`);
}
