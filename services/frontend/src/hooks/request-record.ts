// What one request has shown of itself on its way. Handlers annotate it; the request-facts hook reads it at the end.
import type { Identity } from '@cistern/auth';
import type { RequestFacts } from '@cistern/telemetry';

export interface RequestRecord {
  readonly facts: RequestFacts;
  /** On the monotonic clock, in milliseconds. */
  readonly startedAt: number;
  /** `prefix`: the URL's path names an upstream. `mirror`: anything else, so the client has an origin to fall back to. */
  mode: 'mirror' | 'prefix';
  /** Set once it has been found out; nothing of the pull API is answered before. */
  identity?: Identity;
  /** Of a request whose caller an upstream may verify: what an `unauthenticated` answer asks for, and whether anything was shown. */
  verified?: { readonly challenge: () => string; readonly hasShown: boolean };
  /** Whether the request counts as in flight for its operation. */
  entered: boolean;
  /** Aborted when the client leaves; made when it is first asked for. */
  clientSignal?: AbortSignal;
  /** What ended the request, for the log. */
  failure?: unknown;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the first hook, before anything else sees the request. */
    record: RequestRecord;
  }
}
