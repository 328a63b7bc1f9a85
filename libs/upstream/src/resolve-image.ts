// An image as people write it: `nginx`, `quay.io/prometheus/node-exporter:v1.8.2`, `nginx@sha256:…`.
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
 * Throws as `UpstreamTable.resolve`, `name-unknown` for a registry that is no upstream here, and OciSyntaxError for the
 * reference.
 */
export function resolveImage(table: UpstreamTable, text: string): ResolvedImage {
  const { name, reference } = split(text);
  const { upstream, repository, mode } = table.resolve({ name });
  const { first, rest } = splitFirstComponent(name);
  // A client would have asked that registry for it; the default upstream is not meant.
  if (rest !== undefined && /[.:]/.test(first) && mode === 'mirror')
    throw new CacheError('name-unknown', `"${first}" is no upstream of this cache.`);
  return { upstream, repository, reference: parseReference(reference) };
}

/** A colon before the last slash belongs to a port. */
function split(text: string): { readonly name: string; readonly reference: string } {
  const at = text.indexOf('@');
  const beforeDigest = at === -1 ? text : text.slice(0, at);
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  const name = colon === -1 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon === -1 ? 'latest' : beforeDigest.slice(colon + 1);
  return { name, reference: at === -1 ? tag : text.slice(at + 1) };
}

/** The reverse of `resolveImage`, in full: what every tool takes for the image's name where the upstream is called by its host. */
export function fullNameOf({ upstream, repository, reference }: ResolvedImage): string {
  const name = `${upstream}/${repository}`;
  return reference.kind === 'tag' ? `${name}:${reference.tag}` : `${name}@${reference.digest}`;
}

const hub = 'docker.io/';

/** As `docker pull` writes it: `nginx:1.27` for what is at Docker Hub, where that name means the same here; else in full. */
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
