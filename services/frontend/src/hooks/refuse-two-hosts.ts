// A request with two `Host` headers is refused (RFC 9112, 3.2). Node.js takes the first; a proxy before it may have taken the
// second, and the host decides about the upstream.
import { OciSyntaxError } from '@cistern/oci';
import type { FastifyRequest } from 'fastify';

/** Throws `OciSyntaxError`. Every request pays for this: a comparison of lengths for each header. */
export function refuseTwoHosts({ raw: { rawHeaders } }: FastifyRequest): void {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) throw new OciSyntaxError('NAME_INVALID', 'the request has more than one Host header');
}
