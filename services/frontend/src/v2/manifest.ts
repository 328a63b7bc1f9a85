// GET and HEAD /v2/<name>/manifests/<reference>: the exact bytes from the upstream, as in the OCI distribution specification,
// "Pulling manifests". The bytes are sent as a Buffer, because Fastify would add a charset to the media type of a string.
import { type ByteRange, formatContentRange, type Reference } from '@cistern/oci';
import type { AuthorizedRepository, ManifestFromMemory } from '@cistern/pull-through';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { freshnessOptions, ifNoneMatch, requestedRanges } from '../http/request-fields.ts';
import { clientSignal, waitForUpstream } from './wait-for-upstream.ts';
import { setFreshness, validatorHeaders } from '../http/answer.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

/** Responds synchronously if the manifest is in memory. */
export function answerManifest(
  dependencies: V2Dependencies,
  target: AuthorizedRepository,
  { reference }: { readonly reference: Reference },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply | Promise<FastifyReply> {
  request.record.facts.reference = reference.kind === 'tag' ? reference.tag : reference.digest;
  const wanted = { target, reference, ...freshnessOptions(dependencies, request) };
  const { pullThrough, waiting } = dependencies;
  const known = pullThrough.manifestFromMemory(wanted, request.method === 'HEAD' ? 'facts' : 'bytes');
  if (known !== undefined) return sendManifest(known, request, reply);
  const abortable = { ...wanted, signal: clientSignal(reply) };
  const open = (): Promise<ManifestFromMemory> =>
    request.method === 'HEAD' ? pullThrough.statManifest(abortable) : pullThrough.openManifest(abortable);
  return waitForUpstream(waiting, request, reply, open).then((manifest) => sendManifest(manifest, request, reply));
}

function sendManifest(
  manifest: ManifestFromMemory,
  { method, headers }: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { bytes } = manifest;
  setFreshness(reply, manifest);
  reply.headers(validatorHeaders(manifest.digest));
  if (ifNoneMatch(headers['if-none-match'], manifest.digest)) return reply.code(304).send();
  reply.headers({ 'content-type': manifest.mediaType, 'content-length': String(manifest.size) });
  if (method === 'HEAD' || bytes === undefined) return reply.send();
  return sendBytes(bytes, requestedRanges(headers, manifest.digest, manifest.size), reply);
}

/**
 * Answers one range with a 206, because containerd 2.2 requests `bytes=0-` and relies on it. Answers several ranges with the
 * whole manifest, because it is too small for multipart framing.
 */
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
