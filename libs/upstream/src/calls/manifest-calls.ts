// Manifests: HEAD, which costs no budget at Docker Hub, and GET.
import {
  type Digest,
  digestAlgorithm,
  isDigest,
  manifestAcceptHeader,
  mediaTypeOf,
  type Reference,
  type RepositoryName,
} from '@cistern/oci';
import {
  contentLength,
  headerValue,
  parseRateLimit,
  type TransportHeaders,
  type TransportResponse,
} from '../transport/transport.ts';
import type { CallOptions, Upstream, UpstreamManifestHead } from '../upstream.ts';
import { type CallContext, contradiction, endpoint, fetchDocument } from './call.ts';

export function createManifestCalls(context: CallContext): Pick<Upstream, 'headManifest' | 'getManifest'> {
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
    });
    const rateLimit = parseRateLimit(response.headers);
    return {
      ...response,
      facts: {
        digest: digestFrom(context, response.headers, reference),
        // A client must get some type with the bytes; those of the specifications are all named by registries.
        mediaType: mediaTypeOf(headerValue(response.headers, 'content-type')) ?? 'application/octet-stream',
        ...(rateLimit !== undefined && { rateLimit }),
      },
    };
  }

  return {
    async headManifest(repository, reference, options) {
      const { headers, facts } = await fetchManifest('HEAD', repository, reference, options);
      return { ...facts, size: contentLength(headers) || undefined };
    },
    async getManifest(repository, reference, options) {
      const { bytes, facts } = await fetchManifest('GET', repository, reference, options);
      if (bytes === undefined || bytes.length === 0) throw contradiction(context, 'answered with an empty manifest');
      return { ...facts, bytes };
    },
  };
}

/**
 * For a tag, what the header says, or `undefined` if that is no digest. For a digest, that digest: a header with another
 * one of the same algorithm is a contradiction, one of another algorithm is ignored, because registries answer sha512
 * references with their own sha256.
 */
function digestFrom(context: CallContext, headers: TransportHeaders, reference: Reference): Digest | undefined {
  const value = headerValue(headers, 'docker-content-digest') ?? '';
  const sent = isDigest(value) ? value : undefined;
  if (reference.kind === 'tag') return sent;
  const { digest } = reference;
  if (sent !== undefined && sent !== digest && digestAlgorithm(sent) === digestAlgorithm(digest))
    throw contradiction(context, `answered with the digest ${sent} when asked for ${digest}`);
  return digest;
}
