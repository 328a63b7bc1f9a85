// Parses the target of a request from its path.
import { type Digest, isDigest } from '@cistern/oci';
import type { Content } from './content/content.ts';

/** `redirected-blob` is the presigned URL to which a redirect fault sends clients. */
export type Endpoint = 'ping' | 'manifest' | 'blob' | 'tags' | 'referrers' | 'token' | 'redirected-blob' | 'other';

/** The address of the fake upstream that received the request. */
export type Host = 'registry' | 'other-port' | 'other-host';

export interface Target {
  readonly host: Host;
  readonly method: string;
  /** The path without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly endpoint: Endpoint;
  readonly repository?: string;
  /** The tag or digest in the path. */
  readonly reference?: string;
  /** The digest in the path, or the digest that the tag in the path names now. */
  readonly digest?: Digest;
}

const inRepository = /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/([^/]+)$/;
const redirected = /^\/redirected\/(.+)\/([^/]+)$/;
const endpoints = { manifests: 'manifest', blobs: 'blob', tags: 'tags', referrers: 'referrers' } as const;

export function parseTarget(content: Content, host: Host, method: string, requestUrl: string): Target {
  const url = new URL(`http://fake-upstream${requestUrl}`);
  const path = decode(url.pathname);
  const common = { host, method, path, query: Object.fromEntries(url.searchParams) };
  if (path === '/v2/' || path === '/v2') return { ...common, endpoint: 'ping' };
  if (path === '/token') return { ...common, endpoint: 'token' };
  const [, presigned = '', presignedDigest = ''] = redirected.exec(path) ?? [];
  if (isDigest(presignedDigest))
    return {
      ...common,
      endpoint: 'redirected-blob',
      repository: presigned,
      reference: presignedDigest,
      digest: presignedDigest,
    };
  const [, repository, kind, reference] = inRepository.exec(path) ?? [];
  if (repository === undefined || kind === undefined || reference === undefined)
    return { ...common, endpoint: 'other' };
  if (kind === 'tags')
    return reference === 'list' ? { ...common, endpoint: 'tags', repository } : { ...common, endpoint: 'other' };
  const digest = isDigest(reference) ? reference : content.find(repository)?.tags.get(reference);
  return {
    ...common,
    endpoint: endpoints[kind as keyof typeof endpoints],
    repository,
    reference,
    ...(digest === undefined ? {} : { digest }),
  };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
