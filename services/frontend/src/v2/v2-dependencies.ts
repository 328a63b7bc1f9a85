// What the handlers of the pull API work with.
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
  /** What a client may pull. */
  readonly authorize: Authorize;
  readonly metrics: RequestMetrics & AuthenticateDependencies['metrics'];
  /** Of clients whom upstreams verify; absent: none does. */
  readonly callerTokens?: CallerTokens | undefined;
  readonly pageSeal: Seal;
  /** Ours, the same in every process of the cluster: found in a request's `X-Cistern-Hop`, the request went in a circle. */
  readonly instanceId: string;
  /** A client that takes no byte of a blob for this long is cut off. */
  readonly clientStallMs: number;
  /** Whether the client with this address gets the bytes from us, even where it may read them from the store. */
  readonly readsHere: (clientIp: string) => boolean;
  /** How long those wait who have nowhere else to go, while an upstream throttles. */
  readonly waiting: WaitOptions;
  /** Whether the client with this address may have upstream asked before a tag's time is up. */
  readonly mayRevalidate: (clientIp: string) => boolean;
}
