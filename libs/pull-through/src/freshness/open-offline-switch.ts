// Whether an upstream may be asked: what the operators decided last, else what the configuration says. Of decisions the one
// for the single upstream holds before the one for all.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { Logger, Metrics } from '@cistern/telemetry';
import { type OfflineDecisions, offlineTopic, readOfflineDecisions } from './offline-decisions.ts';

export interface OfflineSwitchOptions {
  readonly store: BlobStore;
  readonly index: Pick<CacheIndex, 'pubsub'>;
  readonly upstreams: readonly { readonly name: string; readonly isOffline: boolean }[];
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'upstreamOffline'>;
}

export interface OfflineSwitch {
  isOffline(upstream: string): boolean;
  close(): Promise<void>;
}

/** For decisions whose announcement was lost. */
const lookEveryMs = 10_000;
const resubscribeMs = 1_000;

/** Resolves when it knows, or cannot know for now because the store does not answer. The caller closes it. */
export async function openOfflineSwitch(options: OfflineSwitchOptions): Promise<OfflineSwitch> {
  const { store, index, upstreams, log, metrics } = options;
  const configured = new Map(upstreams.map((upstream) => [upstream.name, upstream.isOffline]));
  const closing = new AbortController();
  let decided: OfflineDecisions = { all: undefined, upstreams: new Map() };
  const told = new Map<string, boolean>();
  let looking: Promise<void> | undefined;
  let lookAgain = false;
  let timer: NodeJS.Timeout | undefined;

  function isOffline(upstream: string): boolean {
    return decided.upstreams.get(upstream) ?? decided.all ?? configured.get(upstream) ?? false;
  }

  function tell(): void {
    for (const { name } of upstreams) {
      const offline = isOffline(name);
      if (offline !== (told.get(name) ?? false))
        log.warn(
          { upstream: name },
          offline ? 'an upstream is offline: it is asked for nothing' : 'an upstream is online again',
        );
      told.set(name, offline);
      metrics.upstreamOffline.set({ upstream: name }, offline ? 1 : 0);
    }
  }

  async function lookOnce(): Promise<void> {
    clearTimeout(timer);
    try {
      do {
        lookAgain = false;
        decided = await readOfflineDecisions(store);
      } while (lookAgain && !closing.signal.aborted);
    } catch (error) {
      log.warn({ err: error }, 'what was decided about asking upstreams cannot be read: it stays as it was');
    }
    tell();
    if (!closing.signal.aborted) timer = setTimeout(look, lookEveryMs);
  }

  /** A decision that comes while this one reads may have been overlooked by it. */
  function look(): void {
    lookAgain = true;
    looking ??= lookOnce().finally(() => (looking = undefined));
  }

  async function listen(): Promise<void> {
    for (;;) {
      try {
        const unsubscribe = await index.pubsub.subscribe(offlineTopic, look);
        if (closing.signal.aborted) return unsubscribe();
        closing.signal.addEventListener('abort', unsubscribe, { once: true });
        return look();
      } catch {
        await delay(resubscribeMs, undefined, { signal: closing.signal });
      }
    }
  }

  look();
  await looking;
  listen().catch(() => {});
  return {
    isOffline,
    async close() {
      closing.abort();
      await looking;
      clearTimeout(timer);
    },
  };
}
