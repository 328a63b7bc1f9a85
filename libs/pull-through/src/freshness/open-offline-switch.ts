// Switches upstreams offline. The last decision of an operator overrides the configuration. A decision for one upstream
// overrides the decision for all upstreams. Each decision is an object in the store, so it outlives index and nodes. Each
// upstream has its own object, so decisions for different upstreams do not overwrite each other.
import {
  type BlobStore,
  offlineDecisionKey,
  offlineDecisionsPrefix,
  parseOfflineDecisionKey,
} from '@cistern/blob-store';
import { readJsonObject, writeJsonObject } from '@cistern/content';
import { CacheError, isCacheError } from '@cistern/errors';
import { type CacheIndex, keepSubscribed } from '@cistern/index';
import { openPoll } from '@cistern/runtime';
import { type Logger, type Metrics, neverDemoted } from '@cistern/telemetry';
import type { Upstream } from '@cistern/upstream';

/** The topic on which a decision is announced to all nodes. */
const offlineTopic = 'offline';

interface OfflineDecisions {
  /** The decision for all upstreams. `undefined` means that there is none. */
  readonly all: boolean | undefined;
  readonly upstreams: ReadonlyMap<string, boolean>;
}

interface OfflineObject {
  readonly schema: 1;
  readonly offline: boolean;
}

export interface OfflineSwitchOptions {
  readonly store: BlobStore;
  readonly index: Pick<CacheIndex, 'pubsub'>;
  /** Returns the configured upstreams. Call `report` after a change. */
  readonly upstreams: () => readonly { readonly name: string; readonly isOffline: boolean }[];
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'upstreamOffline'>;
}

export type OfflineSwitch = Awaited<ReturnType<typeof openOfflineSwitch>>;

/** The interval at which decisions are read again, in case an announcement was lost. */
const checkEveryMs = 10_000;

/** Opens the switch. Resolves after the first read of the decisions, also if that read fails. The caller closes the switch. */
export async function openOfflineSwitch(options: OfflineSwitchOptions) {
  const { store, index, upstreams, metrics } = options;
  const log = neverDemoted(options.log);
  let decided: OfflineDecisions = { all: undefined, upstreams: new Map() };
  const reported = new Map<string, boolean>();

  const isConfiguredOffline = (upstream: string) =>
    upstreams().some(({ name, isOffline: offline }) => offline && name === upstream);

  function isOffline(upstream: string): boolean {
    return decided.upstreams.get(upstream) ?? decided.all ?? isConfiguredOffline(upstream);
  }

  /** Reports the states of all configured upstreams in the log and the metrics. */
  function report(): void {
    const names = upstreams().map(({ name }) => name);
    for (const name of reported.keys())
      if (!names.includes(name)) {
        reported.delete(name);
        metrics.upstreamOffline.remove({ upstream: name });
      }
    for (const name of names) {
      const offline = isOffline(name);
      if (offline !== (reported.get(name) ?? false))
        log.warn(
          { upstream: name },
          offline
            ? 'upstream switched offline by operator or setting'
            : 'upstream switched online by operator or setting',
        );
      reported.set(name, offline);
      metrics.upstreamOffline.set({ upstream: name }, offline ? 1 : 0);
    }
  }

  const poll = openPoll({
    everyMs: checkEveryMs,
    async check() {
      try {
        decided = await readOfflineDecisions(store);
      } finally {
        report();
      }
    },
    onFailure(error, times) {
      if (times === 1) log.warn({ err: error }, 'failed to read offline switches, keeping last state');
    },
  });

  await poll.check();
  const subscription = keepSubscribed(index.pubsub, offlineTopic, () => void poll.check());
  return {
    isOffline,
    report,
    async close(): Promise<void> {
      subscription.close();
      await poll.close();
    },
  };
}

/** Reads all decisions. Rejects with `store-unavailable`. */
export async function readOfflineDecisions(store: BlobStore): Promise<OfflineDecisions> {
  const upstreams = new Map<string, boolean>();
  let all: boolean | undefined;
  for await (const key of store.listObjects(offlineDecisionsPrefix)) {
    const parsed = parseOfflineDecisionKey(key);
    const offline = parsed && (await readJsonObject<OfflineObject>(store, key))?.offline;
    if (parsed === undefined || typeof offline !== 'boolean') continue;
    if (parsed.upstream === undefined) all = offline;
    else upstreams.set(parsed.upstream, offline);
  }
  return { all, upstreams };
}

/**
 * Switches an upstream offline or online for all nodes. Without `upstream` it switches all upstreams and removes the decisions
 * for single ones. `offline: undefined` restores the configured state. Nodes follow immediately, or within ten seconds if the
 * announcement is lost. Rejects with `store-unavailable` if the decision cannot be stored. Then a part of the decision may
 * already apply.
 */
export async function decideOffline(
  { store, index }: { readonly store: BlobStore; readonly index: Pick<CacheIndex, 'pubsub'> },
  { upstream, offline }: { readonly upstream?: string | undefined; readonly offline: boolean | undefined },
): Promise<void> {
  if (upstream === undefined)
    for (const name of (await readOfflineDecisions(store)).upstreams.keys())
      await store.removeObject(offlineDecisionKey(name));
  const key = offlineDecisionKey(upstream);
  if (offline === undefined) await store.removeObject(key);
  else await writeJsonObject(store, key, { schema: 1, offline } satisfies OfflineObject);
  try {
    await index.pubsub.publish(offlineTopic);
  } catch (error) {
    if (!isCacheError(error, 'index-unavailable')) throw error;
  }
}

export function offlineError(upstream: string): CacheError {
  return new CacheError(
    'upstream-unreachable',
    `${upstream} is switched offline in this cache. Only cached content is served.`,
    { detail: { upstream, offline: true } },
  );
}

/** Wraps an upstream so that it gets no requests while it is offline. Transfers in flight continue to their end. */
export function refuseOffline(upstream: Upstream, isOffline: (upstream: string) => boolean): Upstream {
  const { name } = upstream;
  const unlessOffline = <M extends Exclude<keyof Upstream, 'name' | 'connectionsPerBlob' | 'close'>>(method: M) =>
    (async (...given: unknown[]) => {
      if (isOffline(name)) throw offlineError(name);
      return Reflect.apply(upstream[method], upstream, given) as unknown;
    }) as Upstream[M];
  return {
    name,
    get connectionsPerBlob() {
      return upstream.connectionsPerBlob;
    },
    headManifest: unlessOffline('headManifest'),
    getManifest: unlessOffline('getManifest'),
    headBlob: unlessOffline('headBlob'),
    getBlob: unlessOffline('getBlob'),
    listTags: unlessOffline('listTags'),
    listReferrers: unlessOffline('listReferrers'),
    checkAccess: unlessOffline('checkAccess'),
    close: () => upstream.close(),
  };
}
