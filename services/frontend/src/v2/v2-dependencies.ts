// The dependencies of the handlers of the pull API.
import type { Seal } from '@cistern/runtime';
import type { Authorize } from '@cistern/auth';
import type { PullThrough } from '@cistern/pull-through';
import type { RequestMetrics } from '@cistern/telemetry';
import type { UpstreamTable } from '@cistern/upstream';
import type { CallerTokens } from '../callers/caller-tokens.ts';
import type { AuthenticateDependencies } from '../hooks/authenticate.ts';
import type { WaitOptions } from './wait-for-upstream.ts';

export interface V2Dependencies extends AuthenticateDependencies {
  readonly pullThrough: PullThrough;
  readonly upstreams: UpstreamTable;
  /** Decides which repositories a client is allowed to pull. */
  readonly authorize: Authorize;
  readonly metrics: RequestMetrics & AuthenticateDependencies['metrics'];
  /** Returns the tokens of clients that upstreams verify, or `undefined` if no upstream verifies callers. */
  readonly callerTokens: () => CallerTokens | undefined;
  /** Returns true if this upstream verifies callers. */
  readonly isVerified: (upstream: string) => boolean;
  /** Returns another value after each reload of the configuration. */
  readonly revision: () => unknown;
  readonly pageSeal: Seal;
  /**
   * The ID of this cluster, which is the same in every process. If `X-Cistern-Hop` of a request contains this ID, the request is
   * in a loop.
   */
  readonly instanceId: string;
  /** A client that reads no byte of a blob for this long is disconnected. */
  readonly clientStallMs: number;
  /** Returns true if the client with this address must not be redirected to the store. */
  readonly skipsRedirect: (clientIp: string) => boolean;
  /** How long a request waits for an upstream that throttles, if its client cannot fall back to the origin. */
  readonly waiting: WaitOptions;
  /** Returns true if the client with this address is allowed to force a revalidation of a fresh tag. */
  readonly mayRevalidate: (clientIp: string) => boolean;
}
