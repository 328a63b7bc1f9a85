// GET and HEAD /v2/<name>/manifests/<reference>: the exact bytes that upstream sent, as in the OCI distribution
// specification, "Pulling manifests". Sent as a Buffer: Fastify adds a charset to the media type of a string.
import { type ByteRange, formatContentRange, type Reference } from '@cistern/oci';
import type { ManifestFacts } from '@cistern/pull-through';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { freshnessWish } from './cache-control.ts';
import { clientSignal } from './client-signal.ts';
import { tellFreshness, validatorHeaders } from './headers.ts';
import { ifNoneMatch } from './if-none-match.ts';
import { locateUpstream } from './locate-upstream.ts';
import { requestedRanges } from './requested-ranges.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

interface ManifestPath {
  readonly name: string;
  readonly prefix?: string;
  readonly reference: Reference;
}

export async function answerManifest(
  dependencies: V2Dependencies,
  path: ManifestPath,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { headers, record } = request;
  const { reference } = path;
  record.facts.reference = reference.kind === 'tag' ? reference.tag : reference.digest;
  const asked = {
    ...locateUpstream(dependencies, path, request, reply),
    reference,
    ...freshnessWish(dependencies, request),
    signal: clientSignal(reply),
  };
  const { pullThrough } = dependencies;
  const manifest: ManifestFacts & { readonly bytes?: Buffer } =
    request.method === 'HEAD' ? await pullThrough.statManifest(asked) : await pullThrough.openManifest(asked);
  tellFreshness(reply, manifest);
  reply.headers(validatorHeaders(manifest.digest));
  if (ifNoneMatch(headers['if-none-match'], manifest.digest)) return reply.code(304).send();
  reply.headers({ 'content-type': manifest.mediaType, 'content-length': String(manifest.size) });
  const ranges = manifest.bytes && requestedRanges(headers, manifest.digest, manifest.size);
  return manifest.bytes === undefined ? reply.send() : sendBytes(manifest.bytes, ranges, reply);
}

/** containerd 2.2 asks for `bytes=0-` and counts on a 206. Several ranges of so little are not worth a multipart frame. */
function sendBytes(bytes: Buffer, ranges: readonly ByteRange[] | undefined, reply: FastifyReply): FastifyReply {
  const range = ranges?.length === 1 ? ranges[0] : undefined;
  if (range === undefined) return reply.send(bytes);
  const part = bytes.subarray(range.start, range.end + 1);
  const contentRange = formatContentRange(range, bytes.length);
  return reply
    .code(206)
    .headers({ 'content-range': contentRange, 'content-length': String(part.length) })
    .send(part);
}
