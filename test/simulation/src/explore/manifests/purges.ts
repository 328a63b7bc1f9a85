// Purges by an operator. Purged content may be served again only after it is fetched again from the upstream.
import { isCacheError } from '@cistern/errors';
import type { FakeUpstream } from '@cistern/fake-upstream';
import { pause } from '../../cluster/pause.ts';
import type { SimulatedNodes } from '../../nodes/start-nodes.ts';
import type { Random } from '../../world/random.ts';
import { schedule } from '../../world/schedule.ts';
import { currentOf, type SimulatedRepository } from './image-catalog.ts';
import type { ClientRequest } from './judge-exchange.ts';

type Purged = Pick<Purge, 'request' | 'covers'>;

interface Purge {
  /** The request of `cistern purge`. */
  readonly request: { readonly image?: string; readonly digest?: string; readonly upstream?: string };
  readonly beganAtMs: number;
  doneAtMs: number;
  /** Reports whether a response contains purged content. */
  covers(request: ClientRequest, digest: string): boolean;
}

export interface Purges {
  /** The number of purges that succeeded. */
  readonly count: number;
  readonly hasBegun: boolean;
  /** Purges the given or a random target, and retries if a purge fails. */
  purge(target?: Purged): Promise<void>;
  /** Returns the reason why this response is wrong, or `undefined` if it is allowed. */
  objectionTo(request: ClientRequest, digest: string): string | undefined;
}

export interface PurgesOptions {
  readonly nodes: SimulatedNodes;
  readonly repositories: readonly SimulatedRepository[];
  readonly random: Random;
  /** Time until all nodes have received a purge. */
  readonly spreadsWithinMs: number;
  /** A fetch that began before a purge ends normally within this time. */
  readonly fetchingMs: number;
  readonly trace: (text: string) => void;
  readonly problem: (text: string) => void;
}

const mostTries = 4;
const retryMs = 3_000;

export function createPurges(options: PurgesOptions): Purges {
  const { nodes, repositories, random, spreadsWithinMs, fetchingMs, trace, problem } = options;
  const purges: Purge[] = [];
  let hasBegun = false;
  // The recorder of requests uses the wall clock, so its times are converted.
  const epochMs = Date.now() - schedule.nowMs;

  const choose = (): Purged => {
    const repository = random.pick(repositories);
    const tag = random.pick([...repository.tags.keys()]);
    const name = repository.fullName;
    const manifest = currentOf(repository, tag);
    const blob = random.pick([...repository.blobs.keys()]);
    const choices: readonly Purged[] = [
      tagOf(repository, tag),
      {
        request: { image: `${name}@${manifest}` },
        covers: (request, digest) => request.repository === repository && digest === manifest,
      },
      { request: { digest: manifest }, covers: (_request, digest) => digest === manifest },
      { request: { digest: blob }, covers: (_request, digest) => digest === blob },
      allOf(repository),
    ];
    return random.pick(choices);
  };

  /**
   * Reports whether the content was fetched again. A tag must be requested from the upstream after the purge began. A
   * digest can already be in flight by then.
   */
  const wasFetched = (
    { beganAtMs, request }: Purge,
    { repository, reference, kind }: ClientRequest,
    digest: string,
  ) => {
    const upstreams = new Set(kind === 'blobs' ? repositories.map(({ upstream }) => upstream) : [repository.upstream]);
    const requests = [...upstreams].flatMap((upstream: FakeUpstream) => upstream.requests({ status: 200 }));
    return requests.some((one) => {
      if (!reference.includes(':'))
        return (
          one.reference === reference &&
          one.repository === repository.name &&
          one.startedAtMs - epochMs >= beganAtMs - 1
        );
      if ((one.endedAtMs ?? Infinity) - epochMs < beganAtMs - fetchingMs) return false;
      // Another upstream may have the same bytes. Then only the manifest that names them has to be fetched.
      const mayBeNamed = request.upstream !== undefined && kind === 'blobs' && one.endpoint === 'manifest';
      return one.digest === digest || (mayBeNamed && one.repository === repository.name);
    });
  };

  /** True if a repository of the same name at another upstream holds the blob, so that this repository can serve it. */
  const isElsewhere = ({ repository, kind }: ClientRequest, digest: string) =>
    kind === 'blobs' &&
    repositories.some((one) => one !== repository && one.name === repository.name && one.blobs.has(digest));

  return {
    get count() {
      return purges.length;
    },
    get hasBegun() {
      return hasBegun;
    },
    async purge(target) {
      hasBegun = true;
      const chosen = target ?? choose();
      for (let tries = 0; tries < mostTries; tries += 1) {
        const purge = { ...chosen, beganAtMs: schedule.nowMs, doneAtMs: Infinity };
        const text = JSON.stringify(purge.request);
        try {
          const result = await nodes.asAdmin((admin) => admin.images.purge(purge.request));
          trace(`purge ${text}: ${JSON.stringify(result)}`);
          purge.doneAtMs = schedule.nowMs;
          purges.push(purge);
          return;
        } catch (error) {
          trace(`purge ${text} failed: ${String(error)}`);
          if (!isCacheError(error)) problem(`purge ${text} failed: ${(error as Error).stack}`);
        }
        await pause(retryMs);
      }
    },
    objectionTo(request, digest) {
      const purge = purges.find(
        (one) =>
          request.startedAtMs > one.doneAtMs + spreadsWithinMs &&
          one.covers(request, digest) &&
          !(one.request.upstream !== undefined && isElsewhere(request, digest)) &&
          !wasFetched(one, request, digest),
      );
      return (
        purge && `purged as ${JSON.stringify(purge.request)} at ${purge.doneAtMs.toFixed(0)} ms and not fetched since`
      );
    },
  };
}

export function tagOf(repository: SimulatedRepository, tag: string): Purged {
  return {
    request: { image: `${repository.fullName}:${tag}` },
    covers: (request) => request.repository === repository && request.reference === tag,
  };
}

/** Returns a purge of the whole upstream of the repository. */
export function allOf(repository: SimulatedRepository): Purged {
  return {
    request: { upstream: repository.host },
    covers: (request) => request.repository.host === repository.host,
  };
}
