// Who is measured: a cache of the upstream of the run, started as a user would start it.
import type { S3 } from '@cistern/test-servers';
import type { Upstream } from '../upstream/start-upstream.ts';

/** What all contenders of a run share. */
export interface Site {
  readonly upstream: Upstream;
  /** One server for all, started when it is first asked for. */
  s3(): Promise<S3>;
  /** The directory of another checkout whose Cistern is started; default: this one. */
  readonly checkout?: string;
}

export interface Contender {
  readonly url: string;
  /** Whose CPU and memory count: the cache itself, without the store or the index behind it. */
  readonly pids: readonly number[];
  /** Of a load balancer before it. */
  readonly balancerPids?: readonly number[];
  close(): Promise<unknown>;
}

export interface ContenderKind {
  /** In options and in the JSON: stays as it is. */
  readonly name: string;
  readonly title: string;
  /** The caller closes it. */
  start(site: Site): Promise<Contender>;
}
