// A contender is a cache of the run's upstream, started as a user would start it.
import type { S3 } from '@cistern/test-servers';
import type { Upstream } from '../upstream/start-upstream.ts';

/** The servers that all contenders of a run share. */
export interface Site {
  readonly upstream: Upstream;
  /** Returns the one S3 server, which starts at the first call. */
  s3(): Promise<S3>;
  /** The directory of another checkout whose Cistern is started. Default: this one. */
  readonly checkout?: string;
}

export interface Contender {
  readonly url: string;
  /** Processes whose CPU and memory count: the cache itself, without its store or index. */
  readonly pids: readonly number[];
  /** Processes of a load balancer in front of the cache. */
  readonly balancerPids?: readonly number[];
  /** Returns the bytes that V8 has allocated since the start. Only servers on V8 have it. */
  readonly allocatedBytes?: () => Promise<number>;
  close(): Promise<unknown>;
}

export interface ContenderKind {
  /** The name in options and in the JSON, which must not change. */
  readonly name: string;
  readonly title: string;
  /** Starts the contender. The caller closes it. */
  start(site: Site): Promise<Contender>;
}
