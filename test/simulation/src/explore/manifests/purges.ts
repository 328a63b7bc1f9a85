// Purges by an operator. Purged content may be served again only after upstream was asked for it again.
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
  /** For `cistern purge`. */
  readonly request: { readonly image?: string; readonly digest?: string; readonly upstream?: string };
  readonly beganAtMs: number;
  doneAtMs: number;
  /** Answers to these are of what was purged. */
  covers(request: ClientRequest, digest: string): boolean;
}

export interface Purges {
  /** How many have succeeded. */
  readonly count: number;
  readonly hasBegun: boolean;
  /** Purges something, and tries again where it is refused for now. */
  purge(target?: Purged): Promise<void>;
  /** Why this should not have been served; `undefined`: it may be. */
  objectionTo(request: ClientRequest, digest: string): string | undefined;
}

export interface PurgesOptions {
  readonly nodes: SimulatedNodes;
  readonly repositories: readonly SimulatedRepository[];
  readonly random: Random;
  /** Until all nodes have heard of a purge. */
  readonly spreadsWithinMs: number;
  /** A fetch that began before a purge ends as it would, within this time. */
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
  // The recorder counts by the clock.
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
      { request: { digest: manifest }, covers: (_asked, digest) => digest === manifest },
      { request: { digest: blob }, covers: (_asked, digest) => digest === blob },
      allOf(repository),
    ];
    return random.pick(choices);
  };

  /** A tag must be asked for after the purge began. A digest may have been on its way by then. */
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
      // Other upstreams have the same bytes: then only the manifest has to be fetched that names them.
      const mayBeNamed = request.upstream !== undefined && kind === 'blobs' && one.endpoint === 'manifest';
      return one.digest === digest || (mayBeNamed && one.repository === repository.name);
    });
  };

  /** Another upstream's repository of the same name holds the blob, so this one serves it. */
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

/** All of its upstream. */
export function allOf(repository: SimulatedRepository): Purged {
  return {
    request: { upstream: repository.host },
    covers: (request) => request.repository.host === repository.host,
  };
}
