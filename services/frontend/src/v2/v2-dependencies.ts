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
  /** Decides which repositories a client may pull. */
  readonly authorize: Authorize;
  readonly metrics: RequestMetrics & AuthenticateDependencies['metrics'];
  /** The tokens of clients that upstreams verify. Unset if no upstream verifies callers. */
  readonly callerTokens?: CallerTokens | undefined;
  readonly pageSeal: Seal;
  /** The ID of this cluster, the same in every process. A request with it in `X-Cistern-Hop` went in a loop. */
  readonly instanceId: string;
  /** A client that reads no byte of a blob for this long is disconnected. */
  readonly clientStallMs: number;
  /** Whether the client with this address is never redirected to the store. */
  readonly skipsRedirect: (clientIp: string) => boolean;
  /** How long requests of clients without a fallback wait for an upstream that throttles. */
  readonly waiting: WaitOptions;
  /** Whether the client with this address may force a revalidation of a fresh tag. */
  readonly mayRevalidate: (clientIp: string) => boolean;
}
