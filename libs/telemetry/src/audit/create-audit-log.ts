// Who was turned away and why, who was given what, and what operators have asked for: one JSON object a line, in a file of its
// own, which others keep longer than a log. With it goes what each client has had of each upstream, once a minute.
import { redactUrl } from '../redact.ts';
import type { RequestAudit, RequestFacts } from '../request-facts.ts';

export interface AuditLog extends RequestAudit {
  count(facts: RequestFacts): void;
  /** Something that an operator has asked for. */
  action(action: OperatorAction): void;
  /** Writes what has been counted since the last minute. */
  close(): void;
}

export interface OperatorAction {
  /** A name where there is one, an address else. */
  readonly by: string;
  readonly address?: string | undefined;
  /** `POST /v1/prewarm`, `cistern token revoke`. */
  readonly what: string;
  /** Its particulars, without secrets. */
  readonly wish?: unknown;
  /** The status of the answer by HTTP. */
  readonly status?: number;
}

export interface AuditLogOptions {
  /** Takes a line without its break. */
  readonly write: (line: string) => void;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
}

const usageEveryMs = 60_000;

/** The caller closes it. */
export function createAuditLog({ write, now }: AuditLogOptions): AuditLog {
  const writeEvent = (event: string, fields: object) =>
    write(JSON.stringify({ time: new Date(now()).toISOString(), event, ...fields }));
  const usage = createUsage((entry) => writeEvent('usage', entry));
  const timer = setInterval(usage.flush, usageEveryMs).unref();
  return {
    count: usage.count,
    request(event, facts) {
      const { user, labels, clientIp, requestId, upstream, repository, reference, denied, status, method, url } = facts;
      writeEvent(event, {
        user,
        labels,
        address: clientIp,
        requestId,
        upstream,
        repository,
        reference,
        why: denied,
        status,
        method,
        url: redactUrl(url),
      });
    },
    action: (action) => writeEvent('asked', action),
    close() {
      clearInterval(timer);
      usage.flush();
    },
  };
}

interface UsageEntry {
  user?: string | undefined;
  /** The address of a client without a name. */
  address?: string | undefined;
  upstream: string;
  requests: number;
  bytes: number;
  /** Requests for which upstream had to be asked. */
  misses: number;
}

/** More are written at once. */
const maxEntries = 10_000;

/** Adds up what clients have had, by user (or address, if there is no user) and upstream. `flush` writes all, and begins again. */
function createUsage(write: (entry: UsageEntry) => void) {
  const counts = new Map<string, UsageEntry>();
  function flush(): void {
    for (const entry of counts.values()) write(entry);
    counts.clear();
  }
  return {
    flush,
    count({ user, clientIp, upstream, bytesSent, cache, status }: RequestFacts): void {
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
  };
}
