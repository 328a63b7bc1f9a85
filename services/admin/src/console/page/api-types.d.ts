// What the admin API answers, as far as the console shows it.

export interface Overview {
  readonly version: string;
  readonly healthy: boolean;
  /** `ok`, or why not. */
  readonly parts: Readonly<Record<string, string>>;
  readonly cache: {
    readonly blobs: number;
    readonly bytes: number;
    readonly maxBytes: number | null;
  };
  /** Since when is counted, in milliseconds since 1970. */
  readonly since: number;
  readonly requests: {
    readonly total: number;
    readonly hits: number;
    readonly joined: number;
    readonly stale: number;
    readonly revalidated: number;
    readonly misses: number;
    readonly errors: number;
  };
  readonly bytes: { readonly served: number; readonly fetched: number };
  readonly upstreamCalls: { readonly total: number; readonly saved: number };
  readonly latencyMs: { readonly p50: number; readonly p99: number } | null;
}

export interface Fill {
  readonly digest: string;
  readonly upstream: string;
  readonly repository: string | null;
  readonly kind: string;
  readonly class: string;
  readonly node: string;
  readonly bytes: number;
  readonly size: number | null;
  readonly readers: number;
  readonly startedAt: number;
  readonly bytesPerSecond: number;
}

export interface CacheNode {
  readonly name: string;
  readonly role: string;
  readonly version: string;
  readonly startedAt: number;
  readonly seenAt: number;
  readonly inFlight: number;
  readonly rssBytes: number;
}

export interface Upstream {
  readonly name: string;
  readonly isOffline: boolean;
  readonly by: 'configuration' | 'decision';
  /** The worst that a worker sees; `null`: no worker tells. */
  readonly health: 'well' | 'probed' | 'failing' | null;
  readonly calls: number | null;
  readonly errors: number | null;
}

export interface Account {
  readonly upstream: string;
  /** `null`: all of them. */
  readonly account: string | null;
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly reserve: number | null;
  readonly windowSeconds: number | null;
  readonly resetsAt: number | null;
  readonly backedOffUntil: number | null;
}

export interface Queue {
  readonly name: string;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
  readonly oldestWaitingMs: number | null;
}

export interface JobFailure {
  readonly queue: string;
  readonly name: string;
  readonly reason: string;
  readonly at: number;
}

export interface CachedImage {
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string;
  /** As `docker pull` writes it. */
  readonly name: string;
  readonly digest: string;
  readonly fetchedAt: number;
  readonly confirmedAt: number | null;
  readonly fresh: 'fresh' | 'stale' | 'expired';
  readonly lastPulledAt: number | null;
  readonly pinned: boolean;
}

export interface ImageDetails {
  readonly image: string;
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string;
  readonly mediaType: string;
  readonly tags: readonly string[];
  readonly platforms: readonly Platform[];
  readonly lastPulledAt: number | null;
  /** `null`: of a digest, which never changes. */
  readonly freshness: {
    readonly fresh: CachedImage['fresh'];
    readonly fetchedAt: number;
    readonly confirmedAt: number | null;
    readonly lastTriedAt: number | null;
    readonly lastFailure: string | null;
    /** `null`: for ever. */
    readonly ttlMs: number | null;
  } | null;
  readonly pinned: boolean;
}

export interface Platform {
  readonly platform: string | null;
  readonly digest: string;
  readonly bytes: number;
  readonly cachedBytes: number;
  readonly layers: readonly {
    readonly digest: string;
    readonly bytes: number;
    readonly mediaType: string;
    readonly cached: boolean;
  }[];
}

export interface PopularImage {
  readonly name: string;
  readonly score: number;
}

export interface ClientSetups {
  /** The cache as clients reach it. */
  readonly url: string;
  readonly clients: readonly {
    readonly name: string;
    /** `path`: of a file; `null`: a command. */
    readonly steps: readonly { readonly path: string | null; readonly content: string; readonly note: string }[];
  }[];
}

export interface AuditEntry {
  readonly kind: 'action' | 'refusal';
  readonly at: number;
  /** `limited`: beyond a limit, or locked out. */
  readonly event: 'asked' | 'denied' | 'refused' | 'limited';
  readonly node: string;
  readonly user: string | null;
  readonly address: string | null;
  readonly what: string;
  readonly about: string | null;
  readonly status: number | null;
}
