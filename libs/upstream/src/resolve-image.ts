// Resolves image names as users write them: `nginx`, `quay.io/prometheus/node-exporter:v1.8.2`, `nginx@sha256:…`.
import { CacheError } from '@cistern/errors';
import { parseReference, type Reference, type RepositoryName, splitFirstComponent } from '@cistern/oci';
import type { UpstreamTable } from './upstream-table.ts';

export interface ResolvedImage {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** Default: the tag `latest`. */
  readonly reference: Reference;
}

/**
 * Throws as `UpstreamTable.resolve` does, `name-unknown` for a registry that is not in the table, and OciSyntaxError
 * for the reference.
 */
export function resolveImage(table: UpstreamTable, text: string): ResolvedImage {
  const { name, reference } = split(text);
  const { upstream, repository, mode } = table.resolve({ name });
  const { first, rest } = splitFirstComponent(name);
  // The first component is the host of a registry that is not in the table, so the default upstream is not meant.
  if (rest !== undefined && /[.:]/.test(first) && mode === 'mirror')
    throw new CacheError('name-unknown', `"${first}" is no upstream of this cache.`);
  return { upstream, repository, reference: parseReference(reference) };
}

/** Splits a name from its tag or digest. A colon before the last slash belongs to a port. */
function split(text: string): { readonly name: string; readonly reference: string } {
  const at = text.indexOf('@');
  const beforeDigest = at === -1 ? text : text.slice(0, at);
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  const name = colon === -1 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon === -1 ? 'latest' : beforeDigest.slice(colon + 1);
  return { name, reference: at === -1 ? tag : text.slice(at + 1) };
}

/** Returns the full name, the reverse of `resolveImage`. Every tool accepts it if the upstream's name is its host. */
export function fullNameOf({ upstream, repository, reference }: ResolvedImage): string {
  const name = `${upstream}/${repository}`;
  return reference.kind === 'tag' ? `${name}:${reference.tag}` : `${name}@${reference.digest}`;
}

const hub = 'docker.io/';

/**
 * Returns the short name of `docker pull`, such as `nginx:1.27`, for an image of Docker Hub if that name resolves to
 * the same image. Otherwise it returns the full name.
 */
export function familiarNameOf(table: UpstreamTable, image: ResolvedImage): string {
  const full = fullNameOf(image);
  if (!full.startsWith(hub)) return full;
  const familiar = full.slice(hub.length).replace(/^library\/(?=[^/]+$)/, '');
  return isSame(table, familiar, full) ? familiar : full;
}

function isSame(table: UpstreamTable, text: string, full: string): boolean {
  try {
    return fullNameOf(resolveImage(table, text)) === full;
  } catch {
    return false;
  }
}
