// Every key of the store, built and checked in this one place: blobs and links where distribution (registry:2) puts them, so that
// its caches are ours, and the small objects of our own (decision 0007). Keys come from names that clients send, and one that could
// leave the root must never reach a filesystem or a bucket.
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

/** The most a small object may hold, in bytes. */
export const maxObjectBytes = 4 * 1024 * 1024;

const controlOrBackslash = /[\p{Cc}\\]/u;

const registryRoot = 'docker/registry/v2';

interface InRepository {
  readonly upstream: string;
  readonly repository: RepositoryName;
}

/** Under it lies every blob, as `<algorithm>/<first two hex>/<hex>/data`. */
export const blobsPrefix = `${registryRoot}/blobs/`;

/** Where a blob or manifest lies (distribution, `registry/storage/paths.go`, blobDataPathSpec). */
export function blobKey(digest: Digest): string {
  const hex = digestHex(digest);
  return `${blobsPrefix}${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/data`;
}

const blobPath = /^(sha256|sha512)\/([0-9a-f]{2})\/(\2[0-9a-f]+)\/data$/;

/** The opposite of `blobKey`; `undefined` for what lies elsewhere. */
export function digestOfBlobKey(key: string): Digest | undefined {
  const path = key.startsWith(blobsPrefix) ? key.slice(blobsPrefix.length) : '';
  const [, algorithm, , hex] = blobPath.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

/** Under them lie all tag objects, all links objects, all held objects, and all pages of lists. */
export const tagObjectsPrefix = 'cistern/tags/';
export const linksObjectsPrefix = 'cistern/links/';
export const heldObjectsPrefix = 'cistern/held/';
export const listObjectsPrefix = 'cistern/lists/';

/** All that is kept of an upstream lies under these. */
export function prefixesOf(upstream: string) {
  const name = upstreamComponent(upstream);
  return {
    tags: `${tagObjectsPrefix}${name}/`,
    links: `${linksObjectsPrefix}${name}/`,
    held: `${heldObjectsPrefix}${name}/`,
    lists: `${listObjectsPrefix}${name}/`,
  };
}

/** The tag object. `_tags` cannot be part of a name, so a repository `a/b.json` and a tag `b` of `a` never collide. */
export function tagObjectKey({ upstream, repository, tag }: InRepository & { readonly tag: Tag }): string {
  return `${tagObjectsPrefix}${upstreamComponent(upstream)}/${repository}/_tags/${tag}.json`;
}

/** The object that says what one manifest of a repository names. */
export function linksObjectKey(upstream: string, repository: RepositoryName, digest: Digest): string {
  return `${linksObjectsOf(upstream, repository)}${digest}.json`;
}

/** The links objects of a repository lie under it, and those of repositories below this one. */
export function linksObjectsOf(upstream: string, repository: RepositoryName): string {
  return `${linksObjectsPrefix}${upstreamComponent(upstream)}/${repository}/`;
}

/** The object that says that the repository's own upstream has confirmed that it holds a blob. */
export function heldObjectKey(upstream: string, repository: RepositoryName, digest: Digest): string {
  return `${heldObjectsPrefix}${upstreamComponent(upstream)}/${repository}/${digest}.json`;
}

/** A page of a list. There are so many slots for a repository, whatever clients ask for. */
export function listObjectKey(
  key: InRepository & { readonly list: 'tags' | 'referrers'; readonly slot: number },
): string {
  return `${listObjectsPrefix}${upstreamComponent(key.upstream)}/${key.repository}/_${key.list}/${key.slot}.json`;
}

/** What operators have decided about asking upstreams lies under it. */
export const offlineDecisionsPrefix = 'cistern/state/offline/';
const allUpstreams = '_all';

/** `undefined`: of all upstreams, none of which is called `_all`. */
export function offlineDecisionKey(upstream: string | undefined): string {
  return `${offlineDecisionsPrefix}${upstream === undefined ? allUpstreams : upstreamComponent(upstream)}.json`;
}

/** The reverse of `offlineDecisionKey`; `undefined` for any other key. */
export function parseOfflineDecisionKey(key: string): { readonly upstream: string | undefined } | undefined {
  const [, name] = /^cistern\/state\/offline\/([^/]+)\.json$/.exec(key) ?? [];
  return name === undefined ? undefined : { upstream: name === allUpstreams ? undefined : name };
}

/** Keys by which access tokens are signed lie under it. */
export const tokenKeysPrefix = 'cistern/state/token-keys/';

export function tokenKeyKey(id: string): string {
  return stateKey(tokenKeysPrefix, id);
}

/** The reverse of `tokenKeyKey`; `undefined` for any other key. */
export function parseTokenKeyKey(key: string): string | undefined {
  return parseStateKey(tokenKeysPrefix, key);
}

/** What is kept of robot tokens lies under it. */
export const robotsPrefix = 'cistern/state/robots/';

export function robotKey(id: string): string {
  return stateKey(robotsPrefix, id);
}

/** The reverse of `robotKey`; `undefined` for any other key. */
export function parseRobotKey(key: string): string | undefined {
  return parseStateKey(robotsPrefix, key);
}

/** An issuer's keys, as a worker last found them. */
export function issuerKeysKey(issuer: string): string {
  return stateKey('cistern/state/issuer-keys/', issuer);
}

const stateId = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

function stateKey(prefix: string, id: string): string {
  if (!stateId.test(id)) throw new TypeError(`${JSON.stringify(id)} is no id`);
  return `${prefix}${id}.json`;
}

function parseStateKey(prefix: string, key: string): string | undefined {
  if (!key.startsWith(prefix) || !key.endsWith('.json')) return undefined;
  const id = key.slice(prefix.length, -'.json'.length);
  return stateId.test(id) ? id : undefined;
}

/** Under it lies an object for each image that must not be evicted; its key says which. */
export const pinsPrefix = 'cistern/state/pins/';

export interface ImageName extends InRepository {
  readonly reference: Reference;
}

export function pinKey({ upstream, repository, reference }: ImageName): string {
  const name = reference.kind === 'tag' ? `_tags/${reference.tag}` : `_digests/${reference.digest}`;
  return `${pinsPrefix}${upstreamComponent(upstream)}/${repository}/${name}.json`;
}

/** The reverse of `pinKey`; `undefined` for any other key. */
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

/** Under it lies what was found to be damaged, until it is old. */
export const quarantinePrefix = 'cistern/quarantine/';

export function quarantineKey(digest: Digest, atMs: number): string {
  return `${quarantinePrefix}${digest}-${Math.floor(atMs)}`;
}

/** When what lies there was put there; `undefined` for a key of another kind. */
export function quarantinedAtMs(key: string): number | undefined {
  const [, atMs] = /^cistern\/quarantine\/[^/]+-(\d+)$/.exec(key) ?? [];
  return atMs === undefined ? undefined : Number(atMs);
}

/** What the scrub of the store has found lies here. */
export const scrubStateKey = 'cistern/state/scrub.json';

/** The reverse of `tagObjectKey`; `undefined` for a key that is no tag object's. */
export function parseTagObjectKey(key: string): (InRepository & { readonly tag: Tag }) | undefined {
  const [, upstream, repository, tag] = /^cistern\/tags\/([^/]+)\/(.+)\/_tags\/([^/]+)\.json$/.exec(key) ?? [];
  if (upstream === undefined || repository === undefined || tag === undefined) return undefined;
  return ifValid(() => ({ upstream, repository: parseRepositoryName(repository), tag: parseTag(tag) }));
}

/** The reverse of `linksObjectKey`; `undefined` for a key that is no links object's. */
export function parseLinksObjectKey(key: string): ReturnType<typeof parseDigestKey> {
  return parseDigestKey(linksObjectsPrefix, key);
}

/** The repository of a page of a list; `undefined` for a key that is no page's. */
export function parseListObjectKey(key: string): InRepository | undefined {
  const [, upstream, repository] = /^cistern\/lists\/([^/]+)\/(.+)\/_(?:tags|referrers)\/\d+\.json$/.exec(key) ?? [];
  if (upstream === undefined || repository === undefined) return undefined;
  return ifValid(() => ({ upstream, repository: parseRepositoryName(repository) }));
}

/** The reverse of `heldObjectKey`; `undefined` for a key that is no held object's. */
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

/** All that registry:2 knows of its repositories lies under it. */
export const registryRepositoriesPrefix = `${registryRoot}/repositories/`;

/** registry:2's tag: the object holds the manifest's digest as text. */
export function registryTagLinkKey(repository: RepositoryName, tag: Tag): string {
  return `${registryRepositoriesPrefix}${repository}/_manifests/tags/${tag}/current/link`;
}

/** registry:2's note that a repository holds a manifest. */
export function registryRevisionLinkKey(repository: RepositoryName, digest: Digest): string {
  return `${registryRepositoriesPrefix}${repository}/_manifests/revisions/${linkPath(digest)}`;
}

/** registry:2's note that a repository holds a layer or config. */
export function registryLayerLinkKey(repository: RepositoryName, digest: Digest): string {
  return `${registryRepositoriesPrefix}${repository}/_layers/${linkPath(digest)}`;
}

function linkPath(digest: Digest): string {
  return `${digestAlgorithm(digest)}/${digestHex(digest)}/link`;
}

/** Upstream names come from the configuration and may hold `:` and dots, but never more than one path component. */
function upstreamComponent(upstream: string): string {
  if (isPathComponent(upstream)) return upstream;
  throw new TypeError(`${JSON.stringify(upstream)} is not a valid upstream name: it must be a single path component`);
}

/** `name`: of one of the records that getting certificates by ACME leaves behind. What lies there is sealed. */
export function acmeRecordKey(name: string): string {
  return `cistern/state/acme/${name}`;
}

/** One directory or file name: not empty, `.` or `..`; no slash, backslash or control character. */
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

/** Throws `RangeError` for an object that is too large to be a small one. */
export function checkObjectSize(key: string, size: number): void {
  if (size > maxObjectBytes)
    throw new RangeError(`object ${JSON.stringify(key)} is ${size} bytes, more than the ${maxObjectBytes} allowed`);
}
