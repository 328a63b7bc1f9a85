// Remembers what the URLs of manifests and blobs mean. A fleet requests the same URLs again and again.
import { OciSyntaxError, parseV2Path, type Digest, type Reference } from '@cistern/oci';
import type { ResolvedName, UpstreamTable } from '@cistern/upstream';
import { LRUCache } from 'lru-cache';
import { resolveIfKnown } from '../token/scopes.ts';

/** The content that a URL names. */
export interface MemoryTarget extends ResolvedName {
  readonly operation: 'manifest' | 'blob';
  readonly reference: Reference;
  readonly digest: Digest | undefined;
  /** The reference as the log shows it. */
  readonly shownReference: string;
  /** The head of the latest response, and its body if that is small. */
  latest?: {
    readonly digest: Digest;
    readonly mediaType: string;
    readonly size: number;
    readonly head: string;
    /** Each character is a byte (`latin1`). */
    body?: string;
  };
}

/** Each takes some 2 KB, and 4 KB at most. */
const maxTargets = 5000;
/** A longer URL or host is not remembered. Names and references of images are shorter. */
const [maxUrl, maxHost] = [600, 260];
const notInMemory = Symbol('not in memory');

/**
 * Returns a function that finds the target of a URL at a host. It returns `undefined` for all URLs except those of a valid
 * manifest or blob whose upstream is known. `revision` returns another value when `upstreams` has changed.
 */
export function createMemoryTargets(upstreams: UpstreamTable, revision: () => unknown) {
  const known = new LRUCache<string, { readonly host: string | undefined; readonly target: MemoryTarget | symbol }>({
    max: maxTargets,
  });
  let knownFor = revision();
  return (url: string, host: string | undefined): MemoryTarget | undefined => {
    if (url.length > maxUrl || (host?.length ?? 0) > maxHost) return undefined;
    const current = revision();
    if (current !== knownFor) known.clear();
    knownFor = current;
    let found = known.get(url);
    if (found === undefined || found.host !== host) {
      found = { host, target: readTarget(upstreams, url, host) ?? notInMemory };
      known.set(url, found);
    }
    return typeof found.target === 'symbol' ? undefined : found.target;
  };
}

/** Matches a path without encoded characters and, at most, the parameter `ns`, which containerd sends. */
const simpleUrl = /^(\/[^?%]*)(?:\?ns=([\w.:-]+))?$/;

function readTarget(upstreams: UpstreamTable, url: string, host: string | undefined): MemoryTarget | undefined {
  const [, pathname, ns] = simpleUrl.exec(url) ?? [];
  const path = pathname === undefined ? undefined : readPath(pathname);
  if (path?.endpoint !== 'manifest' && path?.endpoint !== 'blob') return undefined;
  const resolved = resolveIfKnown(upstreams, { ns, host, pathPrefix: path.prefix, name: path.name });
  if (resolved === undefined) return undefined;
  const reference: Reference = path.endpoint === 'blob' ? { kind: 'digest', digest: path.digest } : path.reference;
  const digest = reference.kind === 'digest' ? reference.digest : undefined;
  const shownReference = reference.kind === 'digest' ? reference.digest : reference.tag;
  return { ...resolved, operation: path.endpoint, reference, digest, shownReference };
}

function readPath(pathname: string) {
  try {
    return parseV2Path(pathname);
  } catch (error) {
    if (error instanceof OciSyntaxError) return undefined;
    throw error;
  }
}
