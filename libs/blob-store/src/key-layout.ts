// Builds and checks all keys of the store. Blobs and links use the layout of distribution (registry:2), so that Cistern
// can use a cache of distribution. Our own small objects have prefixes of their own (decision 0007). Keys contain names
// that clients send, so each name is checked: a key that leaves the root must never reach a file system or bucket.
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  isDigest,
  OciSyntaxError,
  parseReference,
  parseRepositoryName,
  parseTag,
  type Reference,
  type RepositoryName,
  type Tag,
} from '@cistern/oci';

/** Maximum size of a small object in bytes. */
export const maxObjectBytes = 4 * 1024 * 1024;

const controlOrBackslash = /[\p{Cc}\\]/u;

const registryRoot = 'docker/registry/v2';

interface InRepository {
  readonly upstream: string;
  readonly repository: RepositoryName;
}

/** Prefix of the keys of all blobs. It is followed by `<algorithm>/<first two hex>/<hex>/data`. */
export const blobsPrefix = `${registryRoot}/blobs/`;

/** Returns the key of a blob or manifest (distribution, `registry/storage/paths.go`, blobDataPathSpec). */
export function blobKey(digest: Digest): string {
  const hex = digestHex(digest);
  return `${blobsPrefix}${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/data`;
}

const blobPath = /^(sha256|sha512)\/([0-9a-f]{2})\/(\2[0-9a-f]+)\/data$/;

/** Reverses `blobKey`; returns `undefined` for any other key. */
export function digestOfBlobKey(key: string): Digest | undefined {
  const path = key.startsWith(blobsPrefix) ? key.slice(blobsPrefix.length) : '';
  const [, algorithm, , hex] = blobPath.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

/** Prefixes of all tag objects, links objects, held objects and pages of lists. */
export const tagObjectsPrefix = 'cistern/tags/';
export const linksObjectsPrefix = 'cistern/links/';
export const heldObjectsPrefix = 'cistern/held/';
export const listObjectsPrefix = 'cistern/lists/';

/** Returns the prefixes of all objects of an upstream. */
export function prefixesOf(upstream: string) {
  const name = upstreamComponent(upstream);
  return {
    tags: `${tagObjectsPrefix}${name}/`,
    links: `${linksObjectsPrefix}${name}/`,
    held: `${heldObjectsPrefix}${name}/`,
    lists: `${listObjectsPrefix}${name}/`,
  };
}

/**
 * Returns the key of a tag object. The component `_tags` separates repository and tag, because a repository name cannot
 * contain it. So the keys of a repository `a/b.json` and of a tag `b` of `a` never collide.
 */
export function tagObjectKey({ upstream, repository, tag }: InRepository & { readonly tag: Tag }): string {
  return `${tagObjectsPrefix}${upstreamComponent(upstream)}/${repository}/_tags/${tag}.json`;
}

/** Returns the key of the object that lists the links of one manifest in a repository. */
export function linksObjectKey(upstream: string, repository: RepositoryName, digest: Digest): string {
  return `${linksObjectsOf(upstream, repository)}${digest}.json`;
}

/**
 * Returns the prefix of the links objects of a repository. Repositories whose names begin with `<repository>/` have it
 * too.
 */
export function linksObjectsOf(upstream: string, repository: RepositoryName): string {
  return `${linksObjectsPrefix}${upstreamComponent(upstream)}/${repository}/`;
}

/** Returns the key of a held object. It records that the upstream has confirmed that this repository holds a blob. */
export function heldObjectKey(upstream: string, repository: RepositoryName, digest: Digest): string {
  return `${heldObjectsPrefix}${upstreamComponent(upstream)}/${repository}/${digest}.json`;
}

/** Returns the key of a page of a list. `slot` is the place of the page; a repository has a fixed number of them. */
export function listObjectKey(
  key: InRepository & { readonly list: 'tags' | 'referrers'; readonly slot: number },
): string {
  return `${listObjectsPrefix}${upstreamComponent(key.upstream)}/${key.repository}/_${key.list}/${key.slot}.json`;
}

/** Prefix of operators' decisions that upstreams are offline. */
export const offlineDecisionsPrefix = 'cistern/state/offline/';
const allUpstreams = '_all';

/** Returns the key of an offline decision. `undefined` means all upstreams; no upstream is named `_all`. */
export function offlineDecisionKey(upstream: string | undefined): string {
  return `${offlineDecisionsPrefix}${upstream === undefined ? allUpstreams : upstreamComponent(upstream)}.json`;
}

/** Reverses `offlineDecisionKey`; returns `undefined` for any other key. */
export function parseOfflineDecisionKey(key: string): { readonly upstream: string | undefined } | undefined {
  const [, name] = /^cistern\/state\/offline\/([^/]+)\.json$/.exec(key) ?? [];
  return name === undefined ? undefined : { upstream: name === allUpstreams ? undefined : name };
}

/** Prefix of the keys that sign access tokens. */
export const tokenKeysPrefix = 'cistern/state/token-keys/';

export function tokenKeyKey(id: string): string {
  return stateKey(tokenKeysPrefix, id);
}

/** Reverses `tokenKeyKey`; returns `undefined` for any other key. */
export function parseTokenKeyKey(key: string): string | undefined {
  return parseStateKey(tokenKeysPrefix, key);
}

/** Prefix of the records of robot tokens. */
export const robotsPrefix = 'cistern/state/robots/';

export function robotKey(id: string): string {
  return stateKey(robotsPrefix, id);
}

/** Reverses `robotKey`; returns `undefined` for any other key. */
export function parseRobotKey(key: string): string | undefined {
  return parseStateKey(robotsPrefix, key);
}

/** Returns the key of the object with the public keys of a token issuer that a worker last fetched. */
export function issuerKeysKey(issuer: string): string {
  return stateKey('cistern/state/issuer-keys/', issuer);
}

const stateId = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

function stateKey(prefix: string, id: string): string {
  if (!stateId.test(id)) throw new TypeError(`${JSON.stringify(id)} is not a valid id`);
  return `${prefix}${id}.json`;
}

function parseStateKey(prefix: string, key: string): string | undefined {
  if (!key.startsWith(prefix) || !key.endsWith('.json')) return undefined;
  const id = key.slice(prefix.length, -'.json'.length);
  return stateId.test(id) ? id : undefined;
}

/** Prefix of one object for each image that must not be evicted. The key names the image. */
export const pinsPrefix = 'cistern/state/pins/';

export interface ImageName extends InRepository {
  readonly reference: Reference;
}

export function pinKey({ upstream, repository, reference }: ImageName): string {
  const name = reference.kind === 'tag' ? `_tags/${reference.tag}` : `_digests/${reference.digest}`;
  return `${pinsPrefix}${upstreamComponent(upstream)}/${repository}/${name}.json`;
}

/** Reverses `pinKey`; returns `undefined` for any other key. */
export function parsePinKey(key: string): ImageName | undefined {
  const [, upstream, repository, reference] =
    /^cistern\/state\/pins\/([^/]+)\/(.+)\/_(?:tags|digests)\/([^/]+)\.json$/.exec(key) ?? [];
  if (upstream === undefined || repository === undefined || reference === undefined) return undefined;
  return ifValid(() => ({
    upstream,
    repository: parseRepositoryName(repository),
    reference: parseReference(reference),
  }));
}

/** Prefix of damaged blobs, which are kept for a limited time. */
export const quarantinePrefix = 'cistern/quarantine/';

export function quarantineKey(digest: Digest, atMs: number): string {
  return `${quarantinePrefix}${digest}-${Math.floor(atMs)}`;
}

/** Returns the time that is part of a `quarantineKey`; returns `undefined` for any other key. */
export function quarantinedAtMs(key: string): number | undefined {
  const [, atMs] = /^cistern\/quarantine\/[^/]+-(\d+)$/.exec(key) ?? [];
  return atMs === undefined ? undefined : Number(atMs);
}

/** Key of the results of the scrub. */
export const scrubStateKey = 'cistern/state/scrub.json';

/** Reverses `tagObjectKey`; returns `undefined` for any other key. */
export function parseTagObjectKey(key: string): (InRepository & { readonly tag: Tag }) | undefined {
  const [, upstream, repository, tag] = /^cistern\/tags\/([^/]+)\/(.+)\/_tags\/([^/]+)\.json$/.exec(key) ?? [];
  if (upstream === undefined || repository === undefined || tag === undefined) return undefined;
  return ifValid(() => ({ upstream, repository: parseRepositoryName(repository), tag: parseTag(tag) }));
}

/** Reverses `linksObjectKey`; returns `undefined` for any other key. */
export function parseLinksObjectKey(key: string): ReturnType<typeof parseDigestKey> {
  return parseDigestKey(linksObjectsPrefix, key);
}

/** Returns the repository of a `listObjectKey`; returns `undefined` for any other key. */
export function parseListObjectKey(key: string): InRepository | undefined {
  const [, upstream, repository] = /^cistern\/lists\/([^/]+)\/(.+)\/_(?:tags|referrers)\/\d+\.json$/.exec(key) ?? [];
  if (upstream === undefined || repository === undefined) return undefined;
  return ifValid(() => ({ upstream, repository: parseRepositoryName(repository) }));
}

/** Reverses `heldObjectKey`; returns `undefined` for any other key. */
export function parseHeldObjectKey(key: string): ReturnType<typeof parseDigestKey> {
  return parseDigestKey(heldObjectsPrefix, key);
}

function parseDigestKey(prefix: string, key: string): (InRepository & { readonly digest: Digest }) | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const [, upstream, repository, digest] = /^([^/]+)\/(.+)\/([^/]+)\.json$/.exec(key.slice(prefix.length)) ?? [];
  if (upstream === undefined || repository === undefined || digest === undefined || !isDigest(digest)) return undefined;
  return ifValid(() => ({ upstream, repository: parseRepositoryName(repository), digest }));
}

function ifValid<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof OciSyntaxError) return undefined;
    throw error;
  }
}

/** Prefix of registry:2's data about its repositories. */
export const registryRepositoriesPrefix = `${registryRoot}/repositories/`;

/** Returns the key of registry:2's tag. The object contains the manifest's digest as text. */
export function registryTagLinkKey(repository: RepositoryName, tag: Tag): string {
  return `${registryRepositoriesPrefix}${repository}/_manifests/tags/${tag}/current/link`;
}

/** Returns the key of registry:2's record that a repository holds a manifest. */
export function registryRevisionLinkKey(repository: RepositoryName, digest: Digest): string {
  return `${registryRepositoriesPrefix}${repository}/_manifests/revisions/${linkPath(digest)}`;
}

/** Returns the key of registry:2's record that a repository holds a layer or config. */
export function registryLayerLinkKey(repository: RepositoryName, digest: Digest): string {
  return `${registryRepositoriesPrefix}${repository}/_layers/${linkPath(digest)}`;
}

function linkPath(digest: Digest): string {
  return `${digestAlgorithm(digest)}/${digestHex(digest)}/link`;
}

/**
 * Returns `upstream`, or throws `TypeError` if it is not a single path component. Names of upstreams may contain `:`
 * and dots.
 */
function upstreamComponent(upstream: string): string {
  if (isPathComponent(upstream)) return upstream;
  throw new TypeError(`${JSON.stringify(upstream)} is not a valid upstream name: it must be a single path component`);
}

/** Returns the key of a record of the ACME client. The content of the record is encrypted. */
export function acmeRecordKey(name: string): string {
  return `cistern/state/acme/${name}`;
}

/**
 * Reports whether `value` can be the name of one directory or file. It must not be empty, `.` or `..`, or contain a
 * slash, a backslash or a control character.
 */
function isPathComponent(value: string): boolean {
  return value !== '' && value !== '.' && value !== '..' && !value.includes('/') && !controlOrBackslash.test(value);
}

/** Throws `TypeError` unless `key` is a `/`-separated relative path of plain components. Returns the components. */
export function parseObjectKey(key: string): string[] {
  const components = key.split('/');
  if (components.every(isPathComponent)) return components;
  throw new TypeError(`${JSON.stringify(key)} is not a valid object key`);
}

/** Like `parseObjectKey`, for a prefix that ends with `/`. */
export function parseObjectPrefix(prefix: string): string[] {
  if (prefix.endsWith('/')) return parseObjectKey(prefix.slice(0, -1));
  throw new TypeError(`${JSON.stringify(prefix)} is not a valid prefix: it must end with "/"`);
}

/** Throws `RangeError` for an object that exceeds the size limit. */
export function checkObjectSize(key: string, size: number): void {
  if (size > maxObjectBytes)
    throw new RangeError(`object ${JSON.stringify(key)} is ${size} bytes, more than the ${maxObjectBytes} allowed`);
}
