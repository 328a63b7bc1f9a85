// Parses a URL path of the pull API (OCI distribution specification, "Endpoints"). This runs for every request. It searches for
// slashes from the end, because a name may contain the words `manifests`, `blobs` or `tags`.
import { checkName, type Digest, nameComponent, parseDigest, parseReference, type Reference } from './names.ts';

type V2Endpoint =
  | { readonly endpoint: 'ping' }
  | { readonly endpoint: 'catalog' }
  | { readonly endpoint: 'manifest'; readonly name: string; readonly reference: Reference }
  | { readonly endpoint: 'blob'; readonly name: string; readonly digest: Digest }
  | { readonly endpoint: 'tags-list'; readonly name: string }
  | { readonly endpoint: 'referrers'; readonly name: string; readonly digest: Digest }
  | { readonly endpoint: 'upload'; readonly name: string }
  | { readonly endpoint: 'unknown' };

/**
 * `name` follows the grammar of a repository name, but its first component may be a host such as `localhost:5000`. The caller
 * removes the host and then calls `parseRepositoryName`. `prefix` is the single component before `/v2`, which may also be a host.
 */
export type V2Path = V2Endpoint & { readonly prefix?: string };

// In this pattern a character that is no separator always follows a separator. So there is only one way to match, and matching
// takes linear time.
const hostComponent = '[a-zA-Z0-9]+(?:(?:[.:_]|__|-+)[a-zA-Z0-9]+)*';
const prefixPattern = new RegExp(`^${hostComponent}$`);
const namePattern = new RegExp(`^${hostComponent}(?:/${nameComponent})*$`);

/**
 * `path` is the undecoded path of the URL, without the query. Accepts `/v2/<name>/…` and `/<prefix>/v2/<name>/…`. Throws no other
 * error than `OciSyntaxError`, with NAME_INVALID, DIGEST_INVALID or TAG_INVALID.
 */
export function parseV2Path(path: string): V2Path {
  const decoded = path.includes('%') ? decodePath(path) : path;
  if (startsWithV2(decoded, 0)) return parseEndpoint(decoded.slice('/v2/'.length));
  const prefixEnd = decoded.indexOf('/', 1);
  if (!decoded.startsWith('/') || prefixEnd === -1 || !startsWithV2(decoded, prefixEnd)) return { endpoint: 'unknown' };
  const prefix = checkName(decoded.slice(1, prefixEnd), prefixPattern);
  return { ...parseEndpoint(decoded.slice(prefixEnd + '/v2/'.length)), prefix };
}

/** Splits `ghcr.io/foo/bar` into `ghcr.io` and `foo/bar`. `rest` is `undefined` if the name has only one component. */
export function splitFirstComponent(name: string): { readonly first: string; readonly rest: string | undefined } {
  const slash = name.indexOf('/');
  return slash === -1 ? { first: name, rest: undefined } : { first: name.slice(0, slash), rest: name.slice(slash + 1) };
}

function startsWithV2(path: string, at: number): boolean {
  return path.startsWith('/v2', at) && (path.length === at + 3 || path[at + 3] === '/');
}

function parseEndpoint(rest: string): V2Endpoint {
  if (rest === '') return { endpoint: 'ping' };
  if (rest === '_catalog') return { endpoint: 'catalog' };
  const leafSlash = rest.lastIndexOf('/');
  const wordSlash = leafSlash > 0 ? rest.lastIndexOf('/', leafSlash - 1) : -1;
  if (wordSlash === -1) return { endpoint: 'unknown' };
  const before = rest.slice(0, wordSlash);
  const leaf = rest.slice(leafSlash + 1);
  switch (rest.slice(wordSlash + 1, leafSlash)) {
    case 'manifests':
      return { endpoint: 'manifest', name: checkName(before, namePattern), reference: parseReference(leaf) };
    case 'blobs':
      if (leaf === 'uploads') return { endpoint: 'upload', name: checkName(before, namePattern) };
      return { endpoint: 'blob', name: checkName(before, namePattern), digest: parseDigest(leaf) };
    case 'uploads':
      if (!before.endsWith('/blobs')) return { endpoint: 'unknown' };
      return { endpoint: 'upload', name: checkName(before.slice(0, -'/blobs'.length), namePattern) };
    case 'tags':
      if (leaf !== 'list') return { endpoint: 'unknown' };
      return { endpoint: 'tags-list', name: checkName(before, namePattern) };
    case 'referrers':
      return { endpoint: 'referrers', name: checkName(before, namePattern), digest: parseDigest(leaf) };
    default:
      return { endpoint: 'unknown' };
  }
}

/** Decodes each component separately, so that an encoded slash cannot become a separator. */
function decodePath(path: string): string {
  return path.split('/').map(decodeComponent).join('/');
}

/**
 * Keeps the `%` of encoded slashes and of components that cannot be decoded. These are then rejected, because no name may contain
 * a `%`.
 */
function decodeComponent(component: string): string {
  if (!component.includes('%')) return component;
  try {
    return decodeURIComponent(component).replaceAll('/', '%2F');
  } catch {
    return component;
  }
}
