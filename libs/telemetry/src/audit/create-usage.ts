// What clients have had, added up by user (or address, where nobody logs in) and upstream.
import type { RequestFacts } from '../request-facts.ts';

export interface UsageEntry {
  readonly user?: string | undefined;
  /** Of whoever has no name. */
  readonly address?: string | undefined;
  readonly upstream: string;
  readonly requests: number;
  readonly bytes: number;
  /** Requests for which upstream had to be asked. */
  readonly misses: number;
}

export interface Usage {
  count(facts: RequestFacts): void;
  /** Tells all that was counted, and begins anew. */
  flush(): void;
}

/** More are told at once. */
const maxEntries = 10_000;

export function createUsage(tell: (entry: UsageEntry) => void): Usage {
  const counts = new Map<string, { -readonly [K in keyof UsageEntry]: UsageEntry[K] }>();
  function flush(): void {
    for (const entry of counts.values()) tell(entry);
    counts.clear();
  }
  return {
    count({ user, clientIp, upstream, bytesSent, cache, status }) {
      if (upstream === undefined || status >= 400 || status === 0) return;
      const who = user === undefined ? { address: clientIp } : { user };
      const key = JSON.stringify([who, upstream]);
      const entry = counts.get(key) ?? { ...who, upstream, requests: 0, bytes: 0, misses: 0 };
      entry.requests += 1;
      entry.bytes += bytesSent;
      if (cache === 'MISS') entry.misses += 1;
      counts.set(key, entry);
      if (counts.size >= maxEntries) flush();
    },
    flush,
  };
}
