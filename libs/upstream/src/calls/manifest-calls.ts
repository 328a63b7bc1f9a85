// Fetches manifests by HEAD, which costs no budget at Docker Hub, and by GET.
import {
  type Digest,
  digestAlgorithm,
  isDigest,
  manifestAcceptHeader,
  maxManifestBytes,
  mediaTypeOf,
  type Reference,
  type RepositoryName,
} from '@cistern/oci';
import {
  contentLength,
  headerValue,
  parseRateLimit,
  parseWarning,
  type TransportHeaders,
  type TransportResponse,
} from '../transport/transport.ts';
import type { CallOptions, Upstream, UpstreamManifest, UpstreamManifestHead } from '../upstream.ts';
import { type CallContext, contradiction, endpoint, fetchDocument } from './call.ts';

const unknownMediaType = 'application/octet-stream';
/** 405 (method not allowed) and 501 (not implemented) refuse HEAD as a method, for every subject. */
export const refusesHead: ReadonlySet<number> = new Set([405, 501]);
/** After this time HEAD is tried again, because the 405 may have come from a firewall, and a GET may cost a pull. */
const headRefusedMs = 600_000;

export function createManifestCalls(context: CallContext): Pick<Upstream, 'headManifest' | 'getManifest'> {
  let headRefusedUntilMs = 0;

  async function fetchManifest(
    method: 'GET' | 'HEAD',
    repository: RepositoryName,
    reference: Reference,
    options: CallOptions | undefined,
  ): Promise<TransportResponse & { readonly facts: Omit<UpstreamManifestHead, 'size'> }> {
    const named = reference.kind === 'tag' ? reference.tag : reference.digest;
    const response = await fetchDocument(context, {
      operation: method === 'HEAD' ? 'head-manifest' : 'get-manifest',
      method,
      url: endpoint(context, repository, `manifests/${named}`),
      repository,
      accept: manifestAcceptHeader,
      options,
      subject: `the ${reference.kind === 'tag' ? 'tag' : 'manifest'} ${named} of ${repository}`,
      unknown: 'manifest-unknown',
      ...(method === 'HEAD' && { answers: refusesHead }),
    });
    const rateLimit = parseRateLimit(response.headers);
    const warning = parseWarning(response.headers);
    return {
      ...response,
      facts: {
        digest: digestFrom(context, response.headers, reference),
        // Clients need a media type, so a missing one is replaced. Registries always send one for the types of the
        // specifications.
        mediaType: mediaTypeOf(headerValue(response.headers, 'content-type')) ?? unknownMediaType,
        ...(rateLimit !== undefined && { rateLimit }),
        ...(warning !== undefined && { warning }),
      },
    };
  }

  return {
    async headManifest(repository, reference, options) {
      if (context.clock() >= headRefusedUntilMs) {
        const { status, headers, facts } = await fetchManifest('HEAD', repository, reference, options);
        if (!refusesHead.has(status)) return { ...facts, size: sizeFrom(context, headers) };
        headRefusedUntilMs = context.clock() + headRefusedMs;
      }
      if (reference.kind === 'tag') return { digest: undefined, mediaType: unknownMediaType, size: undefined };
      const { bytes, ...facts } = await getManifest(repository, reference, options);
      return { ...facts, size: bytes.length };
    },
    getManifest,
  };

  async function getManifest(
    repository: RepositoryName,
    reference: Reference,
    options?: CallOptions,
  ): Promise<UpstreamManifest> {
    const { bytes, facts } = await fetchManifest('GET', repository, reference, options);
    if (bytes === undefined || bytes.length === 0) throw contradiction(context, 'answered with an empty manifest');
    return { ...facts, bytes };
  }
}

/** Returns the size. Throws `content-mismatch` for a manifest above the limit, as a GET does. */
function sizeFrom(context: CallContext, headers: TransportHeaders): number | undefined {
  const size = contentLength(headers) || undefined;
  if (size !== undefined && size > maxManifestBytes)
    throw contradiction(context, `announced more than the ${maxManifestBytes} bytes that a manifest may have`);
  return size;
}

/**
 * Returns the digest of the answer. For a tag it is the header's digest, or `undefined` if the header has no valid one.
 * For a digest it is that digest. Throws `content-mismatch` if the header has another digest of the same algorithm. A
 * header with a digest of another algorithm is ignored, because registries answer sha512 references with their own
 * sha256.
 */
function digestFrom(context: CallContext, headers: TransportHeaders, reference: Reference): Digest | undefined {
  const value = headerValue(headers, 'docker-content-digest') ?? '';
  const sent = isDigest(value) ? value : undefined;
  if (reference.kind === 'tag') return sent;
  const { digest } = reference;
  if (sent !== undefined && sent !== digest && digestAlgorithm(sent) === digestAlgorithm(digest))
    throw contradiction(context, `answered with the digest ${sent} to a request for ${digest}`);
  return digest;
}
